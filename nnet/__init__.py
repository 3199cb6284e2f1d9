"""What a run is made of: networks, data, training regimes, perturbations and their random streams."""

VERSION = "1.0.0"
"""The version of this program: `--version` prints it, every run file and CITATION.cff state it."""
