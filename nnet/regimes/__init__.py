"""Training regimes, one per file: each file defines a class `Regime`, derived from the one in base.py.

A file may explain the columns that the regime adds to tables, by name, in a dict of literals `COLUMNS`.
"""
