"""MLflow: an experiment per dataset in a database, with a run per network."""

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.exporters.base import Run
from nnet.checks import ConfigError

if TYPE_CHECKING:
    from mlflow import MlflowClient

PACKAGES = ("mlflow", "sqlalchemy")
SHOW = "mlflow ui --backend-store-uri sqlite:///{folder}/mlflow.db"
NAME = "run_id"
"""The tag by which a run is found again."""
AT_ONCE = 100
"""MLflow takes no more parameters in one call."""
FORBIDDEN = re.compile(r"[^\w\-. :/]")
"""Letters that the name of a metric may not have."""


def export(runs: Sequence[Run], folder: Path) -> None:
    """Write <folder>/mlflow.db: settings as parameters, histories by epoch and figures as metrics, makers as tags.

    Raises ConfigError if that file is no database of MLflow.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # else it sends to its makers what is done with it
    from mlflow import MlflowClient
    from sqlalchemy.exc import DatabaseError

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    except DatabaseError as error:
        raise ConfigError(f"{folder}/mlflow.db is no database of MLflow ({error.orig}): give another folder") from error
    for run in runs:
        experiment = _experiment(client, run.dataset, folder)
        for before in client.search_runs([experiment], f"tags.{NAME} = '{run.run_id}'"):
            client.delete_run(before.info.run_id)
        _write(client, experiment, run)


def _experiment(client: "MlflowClient", dataset: str, folder: Path) -> str:
    known = client.get_experiment_by_name(dataset)
    if known is not None:
        return known.experiment_id
    return client.create_experiment(dataset, artifact_location=(folder / "artifacts").as_uri())


def _write(client: "MlflowClient", experiment: str, run: Run) -> None:
    from mlflow.entities import Metric, Param

    made = client.create_run(experiment, run_name=run.run_id, tags=run.makers | {NAME: run.run_id})
    now = made.info.start_time
    at = [(f"history/{name}", value, epoch) for name, its in run.history.items() for epoch, value in its.items()]
    at += [(name, value, 0) for name, value in (run.figures | run.points).items()]
    metrics = [Metric(FORBIDDEN.sub("_", name), value, now, step) for name, value, step in at]
    settings = [Param(name, str(value)) for name, value in run.settings.items()]
    for start in range(0, max(len(metrics), len(settings)), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        client.log_batch(made.info.run_id, metrics[part], settings[part])
    client.set_terminated(made.info.run_id, end_time=now)
