"""What moves weights or inputs and puts them back."""
