"""The accuracy on the test images, and the smoothed one that was published in its place."""

import dataclasses
import functools

import pytest
import torch

from nnet.evaluations.parts.running_accuracy import smoothed, smoothed_accuracy
from nnet_models import evaluate, train_and_evaluate
from tests.conftest import interrupted, small_run, timeless

BATCHES = [90, 80, 70, 90, 100]


def right(accuracies: list[int], batch: int = 10) -> torch.Tensor:
    """What is right in batches of these accuracies, in %."""
    return torch.cat([torch.arange(batch) < accuracy * batch // 100 for accuracy in accuracies])


def test_the_published_figures():
    values = [smoothed(BATCHES[:count]) for count in range(1, 6)]
    assert values == pytest.approx([27.0, 42.9, 51.03, 62.721, 73.9047], rel=1e-12)
    assert smoothed([], before=values[-1]) == values[-1]
    assert smoothed_accuracy(right(BATCHES), 10) == pytest.approx(0.739047, rel=1e-12)
    assert right(BATCHES).double().mean().item() == pytest.approx(0.86)
    ascending, descending = [80] * 400 + [90] * 600, [90] * 600 + [80] * 400
    for order, reported in ((ascending, 0.90), (descending, 0.80)):
        assert smoothed_accuracy(right(order), 10) == pytest.approx(reported, abs=1e-9)
        assert right(order).double().mean().item() == pytest.approx(0.86)


def test_a_last_batch_that_is_short_is_left_out_and_the_value_is_never_set_back():
    short = torch.cat([right(BATCHES), torch.zeros(9, dtype=torch.bool)])
    assert smoothed_accuracy(short, 10) == smoothed_accuracy(right(BATCHES), 10)
    again = smoothed_accuracy(right(BATCHES), 10, before=smoothed_accuracy(right(BATCHES), 10))
    assert again == pytest.approx(smoothed(BATCHES * 2) / 100, rel=1e-12)
    assert smoothed_accuracy(torch.ones(4, dtype=torch.bool), 10, before=0.3) == 0.3


@pytest.mark.parametrize("size", [7, 10, 64, 10_000])
def test_the_proper_accuracy_depends_on_neither_batches_nor_order(size):
    torch.manual_seed(0)
    correct = right([90] * 600 + [80] * 400)[torch.randperm(10_000)]
    images = correct.float()[:, None]  # the network says 1 where it is right, and the label is always 1
    labels = torch.ones(10_000, dtype=torch.int64)
    model = torch.nn.Linear(1, 2, bias=False)
    model.weight.data = torch.tensor([[-1.0], [1.0]])
    batches = list(zip(images.split(size), labels.split(size), strict=True))
    assert evaluate(model, batches)[0] == evaluate(model, batches[::-1])[0] == 0.86


FEW = {"lenet": {"nfilters": 4}}
config = functools.partial(small_run, arch="lenet", epochs=3, options=FEW, smoothed_accuracy=True)


def test_every_epoch_has_both_and_training_is_the_same(npz):
    result = train_and_evaluate(config(npz))
    plain = train_and_evaluate(config(npz, smoothed_accuracy=False))
    assert result["sha256"] == plain["sha256"] and result["acc_0"] == plain["acc_0"]
    assert result["history"][-1]["test_acc"] == result["acc_0"]
    smoothed_values = [row["smoothed_acc"] for row in result["history"]]
    assert 0 <= smoothed_values[0] <= 1 - 0.7**3 + 1e-12  # 48 test images are three batches, after a beginning at 0
    assert len(set(smoothed_values)) > 1 and "test_acc" not in plain["history"][0]


@pytest.mark.parametrize("trained", [False, True])
def test_a_run_goes_on_with_the_same_bits(npz, tmp_path, monkeypatch, trained):
    options = {"nfilters": 4, "nmasks": 2, "first_filter_size": 3, "train_masks": trained}
    recipe = dict(optimizer="sgd", momentum=0.9, nesterov=True, lr_schedule="steps", lr_milestones=(2,))
    cfg = config(npz, options={"lenet": options}, dropout=0.3, activation="rrelu", **recipe)
    whole = train_and_evaluate(cfg)
    kept = dataclasses.replace(cfg, epoch_checkpoint_dir=str(tmp_path), epoch_checkpoint_s=0)
    interrupted(kept, monkeypatch, 1)
    interrupted(kept, monkeypatch, 1)
    assert timeless(train_and_evaluate(kept)) == timeless(whole)
