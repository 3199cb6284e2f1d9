"""What is to do and what it will take."""
