"""Imported once, in the process that all workers are forked from: what training takes seconds to import."""

import gc

import torch._dynamo  # noqa: F401  (the first optimizer imports it)

import resexp.cells.run  # noqa: F401

gc.freeze()  # what is imported stays: no collection in a worker need look at it
