"""Where a result comes from, what is kept of a run, and how an unfinished run goes on."""
