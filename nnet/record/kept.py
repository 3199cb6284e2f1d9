class Refused(RuntimeError):
    """X."""
