"""Data prepared once per machine, mapped into memory, and batched by index."""
