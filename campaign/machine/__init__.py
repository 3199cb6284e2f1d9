"""The machine: cores, memory, signals, what is printed, and how a command ends."""
