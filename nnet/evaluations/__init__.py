"""Evaluations, one per file: each file defines a class `Evaluation`, derived from the one in base.py."""
