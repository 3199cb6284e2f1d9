"""The optimizers that a configuration can name."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class Optimizer(NamedTuple):
    """One optimizer: the name of its class in `torch.optim`, arguments of the class, and whether it has momentum."""

    kind: str
    arguments: dict
    has_momentum: bool

    def build(self, parameters: Iterable, **further: object) -> Any:
        """A new optimizer of these parameters; `further` arguments, such as `lr`, are added to its own."""
        import torch  # here, because the launcher reads the names below and does not import torch

        return getattr(torch.optim, self.kind)(parameters, **self.arguments, **further)


OPTIMIZERS = {
    "adam": Optimizer("Adam", {"fused": True}, has_momentum=False),
    "sgd": Optimizer("SGD", {}, has_momentum=True),
}
