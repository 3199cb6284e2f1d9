"""COLUMNS.md explains every column of every table of a folder."""

import re

import pandas as pd
import pytest

from campaign.analysis import columns, questions, tables
from campaign.store.folder import Store
from nnet import registry
from nnet_models import train_and_evaluate
from tests.campaign.analysis.making import result
from tests.conftest import save_npz, small_run

ADAPTIVE = {"mode": "static+adaptive", "schedule": "linear", "static_noise": "gradient"}


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    return save_npz(tmp_path_factory.mktemp("data") / "bands.npz")


def unexplained(made: dict[str, pd.DataFrame]) -> set[str]:
    """The columns of any table whose meaning the page does not know."""
    pairs = [(name, column) for name, table in made.items() for column in table]
    return {column for name, column in pairs if columns.explanation(name, column, made) == columns.UNKNOWN}


def campaign_of(npz: str, regime: str) -> list[dict]:
    """Runs of a regime and of clean with all that training may note: validation, running accuracy, options."""
    fields = dict(alpha_train=0.2, validation_share=0.25, smoothed_accuracy=True, alpha_tests=(0, 0.1))
    options = {"options": {"adaptive": ADAPTIVE}} if regime == "adaptive" else {}
    configs = [small_run(npz, **fields), small_run(npz, regime=regime, learning_rate=0.01, **fields, **options)]
    return [train_and_evaluate(cfg) for cfg in [*configs, small_run(npz, regime=regime, **fields, **options)]]


@pytest.mark.parametrize("regime", registry.names("regimes"))
def test_no_column_of_a_regime_is_unexplained(npz, regime):
    made = tables.build(campaign_of(npz, regime))
    assert {"epochs", "results_summary"} <= made.keys() and not unexplained(made)
    assert ("baseline_differences" in made) == (regime != "clean")


@pytest.mark.parametrize("evaluation", registry.names("evaluations"))
def test_no_column_of_an_evaluation_is_unexplained(npz, evaluation):
    run = train_and_evaluate(small_run(npz, evaluations=(evaluation,), max_test_samples=12))
    made = tables.build([run])
    assert evaluation in set(made["sweep"]["evaluation"]) and not unexplained(made)


def test_no_column_of_masks_pixels_and_dropout_is_unexplained():
    arch = "perturb_resnet18"
    masks = [result(0, arch=arch, options={arch: {"level": level}}) for level in (0, 0.5)]
    others = [result(0, dropout=dropout, p=p) for dropout in (0, 0.5) for p in (0, 0.3)]
    made = tables.build([*masks, *others, result(0, regime="noisy", alpha_train=0.1, evaluations=("quantization",))])
    assert {"level_differences", "pixel_differences", "dropout_differences", "differences"} <= made.keys()
    assert not unexplained(made)


def test_the_page_has_every_table_and_every_column_in_order(tmp_path):
    store = Store(tmp_path / "digits")
    for regime in ("clean", "noisy"):
        store.save(result(0, regime=regime, alpha_train=0.2, batch_size=64) | {"surprise": 1})
    store.save(result(1))
    made = tables.write(store)
    page = (store.folder / "COLUMNS.md").read_text()
    assert re.findall(r"^## (\w+)\.csv", page, re.M) == list(made)
    sections = dict(zip(made, page.split("\n## ")[1:], strict=True))
    for name, table in made.items():
        assert re.findall(r"^- `([\w ]+)`: \S", sections[name], re.M) == list(table), name
    assert f"- `surprise`: {columns.UNKNOWN}" in page and "- `batch_size`: images per update\n" in page
    assert "a row per network, however often it was measured" in sections["results_per_run"]


def test_a_question_explains_its_columns_only_in_its_tables():
    made = tables.build([result(seed) for seed in range(2)])
    assert "published" not in columns.explanation("results_summary", "mean_acc", made)
    assert "last epoch" in columns.explanation("published", "mean_acc", made)
    explained = [getattr(question, "COLUMNS", {}) for question in questions.modules().values()]
    assert all(text.strip() and "\n" not in text for texts in explained for text in texts.values())
