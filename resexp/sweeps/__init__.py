"""Sweeps, depth searches, and estimates of their cost."""
