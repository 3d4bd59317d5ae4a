"""Imported once, in the process that all workers are forked from: what training takes seconds to import."""

import torch._dynamo  # noqa: F401  (the first optimizer imports it)

import resexp.run  # noqa: F401
