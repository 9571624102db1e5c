import itertools

import numpy as np
import pytest
import torch

from training import model as model_module
from training.checkpoints import CheckpointError, load_checkpoint
from training.configs import lite
from training.data import hard as hard_module
from training.data.hard import LIMIT, HardExamples
from training.data.loader import GROUP, batches
from training.data.samples import Sample
from training.model import ModelConfig
from training.settings import Settings
from training.train import main

NAMES, WEIGHTS = ["a", "b", "c"], np.array([1.0, 2.0, 1.0])


def learned(errors):
    hard = HardExamples(NAMES, WEIGHTS)
    for step in range(30):
        hard.learn(step, np.arange(len(errors)), np.array(errors))
    return hard.current()


def test_formula():
    np.testing.assert_allclose(HardExamples(NAMES, WEIGHTS).current(), [0.25, 0.5, 0.25])
    np.testing.assert_allclose(learned([0.2, 0.2, 0.2]), [0.25, 0.5, 0.25])
    relative = np.array([0.1, 0.2, 0.3]) / 0.2
    np.testing.assert_allclose(learned([0.1, 0.2, 0.3]), WEIGHTS * relative / (WEIGHTS * relative).sum())
    extreme = learned([0.0, 0.0, 9.0])  # mean 3: relative 0, 0 and 3
    np.testing.assert_allclose(extreme, np.array([1 / LIMIT, 2 / LIMIT, LIMIT]) / (3 / LIMIT + LIMIT))
    np.testing.assert_allclose(learned([0.0, 0.0, 0.0]).sum(), 1)


def test_kinds_not_seen_count_as_average():
    hard = HardExamples(NAMES, WEIGHTS)
    hard.learn(0, np.array([0, 2]), np.array([0.1, 0.3]))
    np.testing.assert_allclose(hard.current(), np.array([0.5, 2, 1.5]) / 4)


def test_what_is_learnt_decides_the_period_after_the_next(monkeypatch):
    monkeypatch.setattr(hard_module, "PERIOD_GROUPS", 2)
    hard = HardExamples(NAMES, WEIGHTS)
    for step in range(2 * GROUP):
        hard.learn(step, np.array([0, 2]), np.array([0.1, 0.3]))
    assert hard.period == 1
    np.testing.assert_allclose(hard.probabilities(3), [0.25, 0.5, 0.25])
    np.testing.assert_allclose(hard.probabilities(4), np.array([0.5, 2, 1.5]) / 4)
    again = HardExamples(NAMES, WEIGHTS)
    again.load(hard.state())
    for group in (2, 3, 4, 5):
        np.testing.assert_array_equal(again.probabilities(group), hard.probabilities(group))
    with pytest.raises(ValueError, match="knows the errors of 3 pictures, and none of them is in the data"):
        HardExamples(["x"], WEIGHTS[:1]).load(hard.state())


def test_pictures_come_and_go(monkeypatch):
    monkeypatch.setattr(hard_module, "PERIOD_GROUPS", 2)
    hard = HardExamples(NAMES, WEIGHTS)
    for step in range(4 * GROUP):
        hard.learn(step, np.array([0, 1, 2]), np.array([0.1, 0.2, 0.3]))
    other = HardExamples(["new", "c", "b"], np.ones(3))  # a went
    other.load(hard.state())
    assert other.period == hard.period == 2
    np.testing.assert_allclose(other.error, [np.nan, 0.3, 0.2])
    expected = np.array([1, 0.3 / 0.25, 0.2 / 0.25])
    for group in (4, 5, 6, 7):
        np.testing.assert_allclose(other.probabilities(group), expected / expected.sum())
    shuffled = HardExamples(["c", "a", "b"], WEIGHTS[[2, 0, 1]])
    shuffled.load(hard.state())
    np.testing.assert_array_equal(shuffled.probabilities(4), hard.probabilities(4)[[2, 0, 1]])


class Flat:
    """Samples of one color each: cheap."""

    names, weights = NAMES, WEIGHTS

    def draw(self, rng, kind, count):
        planes = np.full((4, 32, 32), kind, np.float32)
        one = Sample(planes, planes[:1], planes[:3], planes[:3], np.ones((1, 32, 32), bool))
        return [one] * count


@pytest.mark.parametrize("workers", [0, 2])
def test_the_worse_is_drawn_more_often(monkeypatch, workers):
    monkeypatch.setattr(hard_module, "PERIOD_GROUPS", 4)
    hard, seen = HardExamples(NAMES, WEIGHTS), []
    for step, batch in enumerate(
        itertools.islice(batches(Flat(), 20, 1, workers=workers, probabilities=hard.probabilities), 60)
    ):
        hard.learn(step, batch.kind.numpy(), np.array([0.01, 0.1, 0.3])[batch.kind.numpy()])
        seen.append(np.bincount(batch.kind.numpy(), minlength=3))
    assert 0.15 < np.sum(seen[:24], 0)[2] / 480 < 0.35  # 0.25: the first two periods know nothing
    assert 0.42 < np.sum(seen[24:], 0)[2] / 720 < 0.62  # 0.51
    np.testing.assert_allclose(hard.current(), learned([0.01, 0.1, 0.3]))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", ModelConfig(width=0.0625, norm="batch", skip=True))
    monkeypatch.setattr(lite, "SETTINGS", Settings("tiny", crop_size=32, batch=2, learning_rate=1e-3, warmup_steps=3))
    monkeypatch.setattr(hard_module, "PERIOD_GROUPS", 2)


def test_resuming_keeps_what_was_learnt(tiny, tmp_path):
    options = ["--config", "lite", "--steps", "20", "--threads", "1", "--hard"]
    main([*options, "--workers", "0", "--out", str(tmp_path / "whole")])
    main([*options, "--workers", "1", "--out", str(tmp_path / "parts"), "--stop-at", "13"])
    main([*options, "--workers", "1", "--out", str(tmp_path / "parts"), "--resume"])
    whole, parts = (load_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert whole["training"]["hard"]["period"] == parts["training"]["hard"]["period"] == 3
    for table, other in zip(whole["training"]["hard"]["tables"], parts["training"]["hard"]["tables"], strict=True):
        assert torch.equal(table, other)
        assert table.std() > 0
    for name, weight in whole["model"].items():
        assert torch.equal(weight, parts["model"][name])
    with pytest.raises(CheckpointError, match="was trained with --hard"):
        main([*options[:-1], "--workers", "0", "--out", str(tmp_path / "parts"), "--resume"])


def test_too_many_workers_are_refused(tiny, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--config", "lite", "--steps", "2", "--hard", "--workers", "17", "--out", str(tmp_path)])
    assert "--workers: at most 16 with --hard" in capsys.readouterr().err
