"""Where a result comes from, and how an unfinished run goes on."""
