"""Every random number of a run, by name."""
