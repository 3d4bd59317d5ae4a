"""The local launcher: many cells, trained by a pool of processes on this machine."""
