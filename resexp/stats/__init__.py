"""What results mean (numpy and scipy)."""
