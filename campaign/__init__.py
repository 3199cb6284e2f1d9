"""What happens to many runs: it knows configurations and rows of tables, never tensors.

The face for Python: `from campaign import product, run, load` and the other names of `__all__`. They are imported when
they are first used, so that importing the package costs nothing.
"""

import importlib

_FACE = {
    **dict.fromkeys(("product", "join", "select", "split", "configure", "repeats"), "campaign.grid.lists"),
    "run": "campaign.commands.launch",
    "load_model": "campaign.commands.weights",
    "load": "campaign.analysis.loading",
    "to_xarray": "campaign.analysis.labelled",
    "best_by_validation": "campaign.analysis.choosing",
    "TrainConfig": "nnet.config",
    "evaluate_model": "nnet.foreign",
}
__all__ = [*_FACE]


def __getattr__(name: str) -> object:
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_FACE})
