"""A campaign in shares, each by a launcher of its own on one folder: runners, section 4."""

import pytest

from campaign.grid.settings import Launch
from campaign.grid.shard import Shard
from campaign.planning import plan
from campaign.planning.survey import prepare
from campaign.running import runner
from campaign.store.folder import Store
from nnet.config import TrainConfig
from tests.campaign.running.launches import launch


@pytest.fixture
def configs(npz):
    return [
        TrainConfig(dataset=npz, image_size=8, seed=seed, epochs=1, batch_size=16, alpha_tests=(0,))
        for seed in range(7)
    ]


@pytest.mark.parametrize("wrong", ["", "3", "0/3", "4/3", "1/0", "-1/2", "1/2/3", "a/b", "1 /2"])
def test_what_is_no_shard_is_one_sentence(wrong):
    with pytest.raises(ValueError, match=r"^a shard is I/N with I from 1 to N, like 2/4; got "):
        Shard.parse(wrong)


def test_a_wrong_shard_on_the_command_line_is_exit_code_2_and_starts_nothing(npz, tmp_path):
    done = launch(npz, tmp_path, "--shard", "3/2")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "a shard is I/N with I from 1 to N" in done.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 2, 3, 7, 9])
def test_every_run_belongs_to_one_shard(configs, count):
    shares = [Shard(number, count).own(configs) for number in range(1, count + 1)]
    assert sorted(run_id for share in shares for run_id in share) == sorted(config.run_id for config in configs)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_shard_does_its_own_runs_first_then_what_the_others_have_not_started(configs, tmp_path):
    other = Store(tmp_path / "blobs")
    assert other.claims.take(configs[0].run_id)  # another shard is at work on it
    campaign = prepare(configs, Launch(tmp_path, "serial"), shard=Shard(2, 3))
    assert {config.run_id for config in campaign.pending[:2]} == {configs[1].run_id, configs[4].run_id}
    assert "in each of 3 shards, this is 2/3" in plan.found(campaign)
    assert runner.run(campaign) == 0  # without waiting for the other shard
    assert Store(tmp_path / "blobs").results().keys() == {config.run_id for config in configs[1:]}
    log = (tmp_path / "blobs/campaign-shard2of3.log").read_text().splitlines()
    started = [line.split()[3] for line in log if " start " in line]
    assert set(started[:2]) == {configs[1].run_id, configs[4].run_id} and len(started) == 6


def test_a_shard_says_what_it_leaves_and_the_last_one_leaves_nothing(configs, tmp_path, capsys):
    other = Store(tmp_path / "blobs")
    other.claims.take(configs[0].run_id)
    runner.run(prepare(configs, Launch(tmp_path, "serial"), shard=Shard(2, 3)))
    assert "1 run(s) are under way in other shards" in capsys.readouterr().out
    other.claims.release_all()
    assert runner.run(prepare(configs, Launch(tmp_path, "serial"), shard=Shard(1, 3))) == 0
    assert "7 of 7 runs" in capsys.readouterr().out


def test_a_failed_run_that_another_shard_has_tried_again_is_not_tried_once_more(configs, tmp_path, monkeypatch):
    def fails(config):
        raise ArithmeticError("it fails")

    monkeypatch.setattr(runner.tasks, "train", fails)
    assert runner.run(prepare(configs[:2], Launch(tmp_path, "serial"))) == 1
    shards = [
        prepare(configs[:2], Launch(tmp_path, "serial"), retry_failed=True, shard=Shard(number, 2)) for number in (1, 2)
    ]
    launches = [runner._Launch(shard) for shard in shards]
    for launch_of_one in launches:  # both have been launched before either tries
        launch_of_one.work()
    assert [Store(tmp_path / "blobs").tries(config.run_id) for config in configs[:2]] == [2, 2]
