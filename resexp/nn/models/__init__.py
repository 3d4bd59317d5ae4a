"""The models, a file per variant."""
