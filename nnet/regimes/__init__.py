"""Training regimes, one per file: each file defines a class `Regime`, derived from the one in base.py.

A file may explain the columns that the regime adds to tables, by name, in a dict of literals `COLUMNS`. A dict `IDLE`
names the options that have no effect where another one has a certain value, {option: (value, names)}; without names,
all others. A dict `REPLACED` names the settings that have no effect where an option has not its default,
{option: names}.
"""
