"""What a run is made of: networks, data, training regimes, perturbations and their random streams."""
