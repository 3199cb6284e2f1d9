"""The trained weights of runs, kept on disk."""

from nnet.checks import Refused

__all__ = ["Refused"]
