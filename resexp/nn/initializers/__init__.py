"""Initializers of linear layers and convolutions, one file per variant."""
