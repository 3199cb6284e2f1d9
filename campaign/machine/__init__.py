"""The machine: cores, memory, signals and the terminal."""
