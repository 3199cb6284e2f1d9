"""Training regimes, one per file: each file defines a class `Regime`, derived from the one in base.py."""
