"""The local launcher: it trains cells on a pool of processes on this machine."""
