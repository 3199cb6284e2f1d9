"""Worker processes of this machine: how they start, what they do, how they end."""
