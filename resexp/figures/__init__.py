"""Arrays → matplotlib figures, for TensorBoard and reports alike; no torch, and no window."""
