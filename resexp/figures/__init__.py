"""Arrays → matplotlib figures, a file per figure. They know no results, and no torch."""
