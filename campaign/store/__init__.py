"""What is kept of a campaign, whole or not at all."""
