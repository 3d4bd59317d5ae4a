"""Residual schemes, one file per variant: the next stream as a function of the stream x and the branch output f."""
