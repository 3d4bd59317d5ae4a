"""What training takes seconds to import: imported once, in the process from which all workers are forked."""

import gc

import torch._dynamo  # noqa: F401  (the first optimizer imports it)

import resexp.cells.run  # noqa: F401

gc.freeze()  # imported modules stay: garbage collection in a worker need not scan them
