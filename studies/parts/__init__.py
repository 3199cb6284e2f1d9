"""Lines that several studies share."""
