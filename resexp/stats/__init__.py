"""What results mean (numpy only)."""
