"""From the config block to the list of runs."""
