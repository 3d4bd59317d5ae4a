"""Analysis of finished runs, shared by the terminal and the report."""
