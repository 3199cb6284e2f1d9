"""One launch, from pending runs to tables."""
