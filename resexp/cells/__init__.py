"""One cell: training, probing, and timing."""
