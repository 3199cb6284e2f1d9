"""Training regimes, one per file: each file defines a class `Regime`, derived from the one in base.py.

A file may explain the columns that the regime adds to tables, by name, in a dict of literals `COLUMNS`. A dict `IDLE`
names the options, or settings of the run, that have no effect where another option has a certain value,
{option: (value, names)}; without names, all other options.
"""
