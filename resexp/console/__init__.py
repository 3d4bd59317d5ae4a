"""All terminal drawing: tables of results, and the view of a training."""
