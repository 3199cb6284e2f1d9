"""What the training loop and all regimes share."""
