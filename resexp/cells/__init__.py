"""One cell: training, its reference, checkpoints and TensorBoard files; probing; timing."""
