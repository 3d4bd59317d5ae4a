"""The normalizers, a file per variant."""
