"""Lists of runs made in Python are run once, loaded again and verified."""

import pytest

from campaign.analysis import loading
from campaign.engines.workers import tasks
from campaign.grid import lists
from campaign.grid.settings import Launch
from campaign.planning.survey import prepare
from campaign.running import runner
from nnet.config import TrainConfig


@pytest.fixture
def counted(monkeypatch):
    """The runs that were really trained, as they are."""
    trained, train = [], tasks.train

    def count(config):
        trained.append(config)
        return train(config)

    monkeypatch.setattr(tasks, "train", count)
    return trained


def small(npz, **changed) -> list[TrainConfig]:
    base = TrainConfig(dataset=npz, image_size=8, epochs=1, alpha_tests=(0, 0.3), noise_samples=1)
    return lists.product(base, regime=["clean", "noisy"], alpha_train=0.2, **changed)


def launch(configs, folder) -> int:
    return runner.run(prepare(configs, Launch(output_dir=folder, engine="serial")))


def test_what_was_run_is_not_run_again_unless_something_changed_that_counts(npz, tmp_path, counted):
    configs = small(npz)
    assert launch(configs + configs, tmp_path) == 0 and len(counted) == 2
    counted.clear()
    assert launch(configs, tmp_path) == 0 and counted == []
    assert launch(lists.configure(configs, cpu_threads=1, checkpoint_dir=str(tmp_path / "weights")), tmp_path) == 0
    assert counted == []
    changed = lists.configure(configs, where={"regime": "noisy"}, alpha_train=0.3)
    assert launch(changed, tmp_path) == 0 and counted == [changed[1]]


def test_a_run_that_crashed_leaves_nothing_that_counts_as_done(npz, tmp_path, monkeypatch):
    configs, train = small(npz), tasks.train

    def crash(config):
        train(config)
        raise RuntimeError("at the very end")

    with monkeypatch.context() as patched:
        patched.setattr(tasks, "train", crash)
        assert launch(configs, tmp_path) == 1
    with pytest.raises(ValueError, match="has no finished run"):
        loading.load(tmp_path)
    assert runner.run(prepare(configs, Launch(tmp_path, engine="serial"), retry_failed=True)) == 0
    assert len(loading.load(tmp_path)) == 2


def test_loading_what_is_missing_raises_and_a_query_drops_it(npz, tmp_path):
    configs = small(npz, seed=[0, 1])
    launch(configs[:3], tmp_path)
    with pytest.raises(ValueError, match="1 of 4 runs are not in"):
        loading.load(tmp_path, configs=configs)
    assert len(loading.load(tmp_path, configs=configs[:2])) == 2 and len(loading.load(tmp_path)) == 3


def test_a_query_gives_runs_with_every_field_of_their_configuration(npz, tmp_path):
    configs = small(npz, seed=[0, 1]) + lists.product(
        small(npz)[0], regime="beta", options=[{"beta": {"attack_steps": 2, "beta_robustness": b}} for b in (0.1, 0.2)]
    )
    launch(configs, tmp_path)
    runs = loading.load(tmp_path)
    assert len(runs) == 6
    for name in {*configs[0].training(), *configs[0].measuring()} - {"dataset", "noise_model", "options"}:
        by_id = {config.run_id: (config.training() | config.measuring())[name] for config in configs}
        found = dict(zip(runs["run_id"], runs[name], strict=True))
        assert {run_id: value if value == value else None for run_id, value in found.items()} == by_id, name
    assert runs["options"].tolist() == [config.all_options() for run_id in runs["run_id"] for config in configs
                                        if config.run_id == run_id]  # fmt: skip
    beta = loading.load(tmp_path, where={"regime": "beta", "beta.attack_steps": 2})
    assert sorted(beta["beta.beta_robustness"]) == [0.1, 0.2] and (beta["acc_0"] >= 0).all()
    assert list(loading.load(tmp_path, where={"seed": 1})["regime"]) == ["clean", "noisy"]
    assert runs.loc[runs["regime"] == "clean", "beta.beta_robustness"].isna().all()
    for where, message in (
        ({"depth": 1}, "no run in .* has a setting 'depth'"),
        ({"seed": 9}, "no finished run with seed = 9"),
    ):
        with pytest.raises(ValueError, match=message):
            loading.load(tmp_path, where=where)
