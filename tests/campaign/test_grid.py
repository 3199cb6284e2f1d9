import dataclasses

import pytest

from campaign import grid
from campaign.settings import Settings

BASE = Settings(
    dataset="digits", architectures=["mlp_small", "cnn"], regimes=["clean", "noisy"], alpha_train=[0.1, 0.2],
    noise_model="tensor_std", seeds=[0, 1, 2], epochs=3, batch_size=64, optimizer="adam", learning_rate=0.01,
    weight_decay=0.1, activations=["relu", "tanh"], p=0.3, alpha_tests=[0, 0.1], noise_samples=4, image_size=20,
    max_train_samples=100, precision="bf16", sweep_precision="fp32", options={}, engine="process", max_workers=None,
    memory_check=True, run_timeout_s=None,
    epoch_checkpoint_s=30, cpu_threads_per_worker=2, use_cuda=False, data_dir="/data", output_dir="results",
    checkpoint_dir="/checkpoints",
)  # fmt: skip


def make(**changed):
    return grid.weight_noise(dataclasses.replace(BASE, **changed))


def test_every_combination_once_and_clean_once_per_seed():
    configs = make()
    assert len(configs) == len({config.run_id for config in configs}) == 2 * 2 * 3 * (1 + 2)
    clean = [config for config in configs if config.regime == "clean"]
    assert len(clean) == 2 * 2 * 3 and {config.alpha_train for config in clean} == {0.0}


def test_every_setting_reaches_the_runs():
    config = next(config for config in make() if config.regime == "noisy" and config.seed == 2)
    assert (config.epochs, config.batch_size, config.learning_rate, config.weight_decay) == (3, 64, 0.01, 0.1)
    assert (config.p, config.alpha_tests, config.noise_samples, config.image_size) == (0.3, (0, 0.1), 4, 20)
    assert (config.max_train_samples, config.cpu_threads, config.use_cuda) == (100, 2, False)
    assert (config.precision, config.sweep_precision) == ("bf16", "fp32")
    assert (config.data_dir, config.checkpoint_dir) == ("/data", "/checkpoints")
    assert (config.epoch_checkpoint_dir, config.epoch_checkpoint_s) == ("results", 30)


def test_the_settings_are_not_changed():
    before = dataclasses.asdict(BASE)
    make()
    assert dataclasses.asdict(BASE) == before


@pytest.mark.parametrize("name", ["architectures", "regimes", "alpha_train", "seeds", "activations", "alpha_tests"])
def test_empty_and_duplicate_lists_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is empty"):
        make(**{name: []})
    with pytest.raises(ValueError, match=f"{name} has duplicates"):
        make(**{name: getattr(BASE, name) + getattr(BASE, name)[:1]})


def test_an_option_that_nobody_has_is_refused():
    with pytest.raises(ValueError, match="unknown option 'gamma'.*known options"):
        make(options={"gamma": 0.1})
