"""Terminal output: tables, sparklines, and live views of training."""
