"""The state of the process-wide generator, to draw the same numbers again; dropout can use no other generator."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class RandomState:
    """The state of PyTorch's generator on one device at the time of construction."""

    def __init__(self, device: torch.device):
        self.device = device
        self.state = self._get()

    @contextmanager
    def again(self) -> Iterator[None]:
        """Within the `with` block the generator continues from this state; afterwards from where it was before."""
        now = self._get()
        try:
            self._set(self.state)
            yield
        finally:
            self._set(now)

    def _get(self) -> torch.Tensor:
        return torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else torch.get_rng_state()

    def _set(self, state: torch.Tensor) -> None:
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state, self.device)
        else:
            torch.set_rng_state(state)
