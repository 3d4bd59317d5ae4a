"""Figures from arrays, with matplotlib, for TensorBoard and reports. No torch, no results, no windows."""
