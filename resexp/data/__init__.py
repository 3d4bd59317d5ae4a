"""What is trained on, a file per format or set."""
