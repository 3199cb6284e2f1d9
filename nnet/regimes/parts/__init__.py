"""What several regimes share."""
