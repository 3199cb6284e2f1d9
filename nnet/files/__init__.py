"""Files that exist complete or not at all."""
