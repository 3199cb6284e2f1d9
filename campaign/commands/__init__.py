"""What a launch can be asked to do."""
