"""Data sets, one file per set or file format."""
