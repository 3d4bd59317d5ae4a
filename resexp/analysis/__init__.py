"""What finished runs show, for the terminal and the report alike."""
