"""What happens to many runs: it knows configurations and rows of tables, never tensors."""
