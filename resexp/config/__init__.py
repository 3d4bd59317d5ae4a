"""Configuration: settings, their checks, and the identity of a cell."""
