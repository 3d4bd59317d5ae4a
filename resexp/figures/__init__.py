"""Arrays → matplotlib figures, for TensorBoard and reports alike; they know no results, no torch, and no window."""
