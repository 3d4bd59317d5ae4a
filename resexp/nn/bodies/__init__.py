"""The branches of a block, a file per variant."""
