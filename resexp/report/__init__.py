"""The report of a sweep: one HTML page, and its figures as files beside it."""
