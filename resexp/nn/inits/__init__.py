"""The initialisations, a file per variant."""
