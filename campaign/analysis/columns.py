"""COLUMNS.md: what every column of a results folder's tables means."""

from collections.abc import Mapping, Sequence

import pandas as pd

from campaign.analysis import questions
from campaign.grid.settings import settings
from nnet import registry
from nnet.options import owners_with

ROWS = {
    "results_per_run": "network, however often it was measured",
    "sweep": "network and point: evaluation, settings, part and strength",
    "results_summary": "cell: all networks that differ in their seed alone, at one point",
}
CORE = {
    "run_id": "identity of the network: readable prefix and hash of its training settings",
    "dataset": "name of the dataset",
    "architecture": "name of the network's architecture",
    "noise_model": "what α_train is relative to; empty where the regime has no weight noise",
    "initial_weights": "file name of the weights from which training began",
    "initial_weights_sha256": "SHA-256 of that file",
    "dataset_sha256": "SHA-256 of the dataset's file",
    "options": "options of regime, architecture and corruption in which networks of their owner differ, JSON by owner",
    "status": "ok, or diverged: the loss became infinite or NaN, and the network was not measured",
    "acc_0": "test accuracy without weight noise, 0 to 1, with the settings last asked for",
    "acc_01": "test accuracy at α_test = 0.1, mean over draws",
    "drop_at_01": "acc_0 minus acc_01",
    "test_loss": "mean cross-entropy on the test images without weight noise",
    "train_loss": "mean cross-entropy of the last epoch, under the noise of training",
    "train_seconds": "seconds of training",
    "sweep_seconds": "seconds of all measurements",
    "asked": "settings with which weight noise was last measured, where they differ from the defaults, JSON",
    "evaluation": "name of the evaluation; weight_noise is measured for every network",
    "settings": "settings of the evaluation that differ from their defaults, JSON",
    "part": "part of the network that is perturbed, or empty: the whole network",
    "alpha_test": "strength of the evaluation: α_test of weight noise, or what its file says (ζ, bits, seconds, …)",
    "noise_samples": "number of draws",
    "acc": "test accuracy, 0 to 1: mean over draws, or that of the draw that the evaluation reports",
    "acc_std": "sample standard deviation of the accuracy over draws",
    "acc_min": "accuracy of the worst draw",
    "loss": "mean cross-entropy on the test images; empty if it is not finite",
    "drop": "accuracy of the unperturbed network on the same images minus acc",
    "n_seeds": "number of seeds in the mean; of a difference, number of pairs",
    "n_diverged": "number of diverged networks, which are left out of the means; of a difference, of pairs",
    **{
        f"{statistic}_{name}": f"{text} of {name} over seeds"
        for name in ("acc", "drop", "loss")
        for statistic, text in (("mean", "mean"), ("std", "sample standard deviation"), ("stderr", "standard error"))
    },
    "mean_difference": "mean over seeds of the setting minus its reference, 1 = 100 %",
    "stderr_difference": "standard error of this mean over seeds",
    "low": "lower limit of its 95 % interval (Student's t over seeds); an interval without width says nothing: all "
    "seeds have the same difference",
    "high": "upper limit of its 95 % interval",
    "p_value": "p value of the paired t test over seeds; empty for one seed, and if all seeds have the same difference",
    "p_holm": "p value after Holm's correction over the rows of the evaluation (and measure) above strength 0, or all "
    "rows if there are none above 0; empty for other rows",
    "resolution": "half-width of a 95 % interval for which more_seeds counts (--resolution), 1 = 100 %",
    "more_seeds": "number of further seeds that would bring the half-width of the interval down to resolution, if the "
    "spread over seeds stays the same; empty where p_value is",
    "val_acc_last": "validation accuracy after the last epoch",
    "val_acc_best": "highest validation accuracy of an epoch",
    "val_acc_best_epoch": "first epoch with the highest validation accuracy",
}
UNKNOWN = "a column that a plug-in adds; its file may explain it in `COLUMNS`"


def page(tables: Mapping[str, pd.DataFrame]) -> str:
    """COLUMNS.md of these tables, all that a folder has, by name: a section per table, a line per column."""
    sections = ["# Columns", "Empty cells are values that do not exist. Accuracies are shares, 0 to 1."]
    for name, table in tables.items():
        of = f": a row per {ROWS[name]}" if name in ROWS else ""
        lines = [f"- `{column}`: {explanation(name, column, tables)}" for column in table]
        sections += [f"## {name}.csv{of}", "\n".join(lines)]
    return "\n\n".join(sections) + "\n"


def explanation(table: str, column: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """What a column of a table means: from its question, the core, the plug-ins of these runs, TrainConfig, options."""
    question = next((its for its in questions.modules().values() if table in its.TABLES), None)
    sources = [getattr(question, "COLUMNS", {}), CORE, *_of_plug_ins(tables), _fields()]
    return next((source[column] for source in sources if column in source), _of_option(column))


def _of_plug_ins(tables: Mapping[str, pd.DataFrame]) -> Sequence[Mapping[str, str]]:
    """The constants `COLUMNS` of the regimes and evaluations that the tables name."""
    named = {"regimes": tables["results_per_run"]["regime"], "evaluations": tables["sweep"]["evaluation"]}
    return [
        registry.constant(kind, name, "COLUMNS", {})
        for kind, column in named.items()
        for name in sorted({*column.unique()} & {*registry.names(kind)})
    ]


def _of_option(column: str) -> str:
    """What a column means that is named after an option with which runs are compared."""
    owner, _, option = column.rpartition(".")
    owners = [one for one in owners_with(option) if owner in ("", one)]
    return f"option of {', '.join(owners)}" if owners else UNKNOWN


def _fields() -> dict[str, str]:
    """The first sentence on each field of TrainConfig."""
    return {name: f"{setting.doc[:1].lower()}{setting.doc[1:]}" for name, setting in settings().items()}
