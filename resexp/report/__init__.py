"""The report: what a sweep found, as one HTML page, with its figures beside it."""
