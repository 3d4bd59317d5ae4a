"""Stored cells: run directories, results, curves, filters, data frames and the index. Imports no torch."""
