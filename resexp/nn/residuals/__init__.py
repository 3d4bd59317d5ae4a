"""The residual schemes, a file per variant."""
