"""The initializations, a file per variant."""
