"""Many cells: sweeps, depth searches, and estimates of their cost."""
