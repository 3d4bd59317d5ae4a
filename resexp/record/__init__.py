"""Run directories, frames and TensorBoard."""
