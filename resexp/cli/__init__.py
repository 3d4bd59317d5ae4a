"""The commands of `resexp`."""
