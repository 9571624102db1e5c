"""Where a run goes on is a function of its seed and step alone."""

import itertools
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training import model as model_module
from training.checkpoints import CheckpointError, load_checkpoint
from training.configs import lite
from training.data.loader import batches
from training.data.samples import SceneSource
from training.model import ModelConfig
from training.parallel import Processes
from training.settings import Settings
from training.train import main

SETTINGS = Settings(model="tiny", crop_size=32, batch=2, learning_rate=3e-3, warmup_steps=3)


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", ModelConfig(width=0.0625, norm="batch", skip=True))
    monkeypatch.setattr(lite, "SETTINGS", SETTINGS)


SMALL = ["--config", "lite", "--workers", "0", "--threads", "1"]


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(model_module.CONFIGS, "tiny", ModelConfig(width=0.0625, norm="batch", skip=True))
        patch.setattr(lite, "SETTINGS", SETTINGS)
        out = tmp_path_factory.mktemp("two steps")
        main([*SMALL, "--steps", "2", "--seed", "5", "--out", str(out)])
    return out


@pytest.fixture
def trained(tmp_path, two_steps):
    """last.pt of a run of two steps."""
    return Path(shutil.copytree(two_steps, tmp_path / "trained")) / "last.pt"


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    for name, part in (("cutouts", rng.integers(0, 256, (45, 61, 4), np.uint8)), ("cutouts/bg", np.zeros((9, 9, 3)))):
        (tmp_path / name).mkdir()
        assert cv2.imwrite(str(tmp_path / name / "a.png"), part)
    return tmp_path / "cutouts"


def take(count, **arguments):
    return list(itertools.islice(batches(SceneSource(32), 4, **arguments), count))


def assert_same(first, second):
    """Recursively, tensors to the bit."""
    assert type(first) is type(second)
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        assert first == second


def test_comparison_sees_one_bit():
    with pytest.raises(AssertionError):
        assert_same({"a": [torch.tensor(1.0)]}, {"a": [torch.tensor(1.0).nextafter(torch.tensor(2.0))]})


def test_batches_depend_on_seed_and_number_only():
    whole = take(9, seed=7)
    assert_same(take(4, seed=7, first=5), whole[5:])
    assert_same(take(5, seed=7, first=4, workers=2), whole[4:])
    assert not torch.equal(take(1, seed=8)[0].input, whole[0].input)
    inputs = [one for batch in whole for one in batch.input]
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(inputs, 2))


def test_processes_share_the_joint_batch():
    joint = take(4, seed=3)
    halves = [take(4, seed=3, processes=Processes(rank, 2)) for rank in range(2)]
    for batch, first, second in zip(joint, *halves, strict=True):
        assert_same(batch, type(batch)(*(torch.cat(parts) for parts in zip(first, second, strict=True))))


@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_run_is_the_same_to_the_bit(tmp_path, workers):
    options = ["--config", "lite", "--steps", "20", "--seed", "5", "--threads", "1", "--workers", str(workers)]
    main([*options, "--out", str(tmp_path / "whole")])
    main([*options, "--out", str(tmp_path / "parts"), "--stop-at", "10"])
    assert load_checkpoint(tmp_path / "parts/last.pt")["training"]["step"] == 10
    main([*options, "--out", str(tmp_path / "parts"), "--resume"])
    whole, parts = (load_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert whole["training"].pop("seconds") > 0
    assert parts["training"].pop("seconds") > 0
    assert whole["training"]["step"] == 20
    assert_same(whole, parts)


def test_resume_needs_a_whole_state(tmp_path):
    options = ["--config", "lite", "--workers", "0", "--threads", "1", "--out", str(tmp_path), "--steps", "2"]
    main(options)
    (tmp_path / "checkpoint.pt").replace(tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match=r"last\.pt: holds weights only; start from them with --init"):
        main([*options, "--resume"])


def test_resume_keeps_the_weights_of_further_losses(tmp_path):
    options = ["--config", "lite", "--workers", "0", "--threads", "1", "--out", str(tmp_path)]
    main([*options, "--steps", "2", "--gradient-loss", "0.5"])
    with pytest.raises(CheckpointError, match=r"last\.pt: was trained with --gradient-loss 0\.5; resume alike"):
        main([*options, "--steps", "3", "--resume"])
    with pytest.raises(CheckpointError, match=r"last\.pt: was trained with --laplacian-loss 0; resume alike"):
        main([*options, "--steps", "3", "--resume", "--gradient-loss", "0.5", "--laplacian-loss", "1"])
    main([*options, "--steps", "3", "--resume", "--gradient-loss", "0.5"])
    assert load_checkpoint(tmp_path / "last.pt")["training"]["step"] == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--crop", "64"], "was trained with --crop 32; resume alike, or begin anew with --init"),
        (["--batch", "4"], "was trained with --batch 2; resume alike"),
        (["--learning-rate", "0.1"], r"was trained with --learning-rate 0\.003; resume alike"),
        (["--seed", "8"], "was trained with --seed 5; leave it out to resume"),
        (["--data", "PICTURES"], "was trained with drawn scenes, without --data; resume alike"),
    ],
)
def test_resume_compares_the_settings(tmp_path, trained, pictures, changes, message):
    changes = [str(pictures) if text == "PICTURES" else text for text in changes]
    before = trained.read_bytes()
    with pytest.raises(CheckpointError, match=rf"last\.pt: {message}"):
        main([*SMALL, "--steps", "3", "--resume", "--out", str(trained.parent), *changes])
    assert trained.read_bytes() == before


def test_the_length_of_a_run_may_change(tmp_path, trained, capsys):
    main([*SMALL, "--steps", "3", "--resume", "--out", str(trained.parent), "--seed", "5"])
    assert "was to take 2 steps, now 3 steps: the learning rate follows" in capsys.readouterr().out
    assert load_checkpoint(trained)["training"]["plan"]["budget"] == "3 steps"


def test_a_folder_of_pictures_may_move(tmp_path, pictures, capsys):
    options = [*SMALL, "--out", str(tmp_path / "run")]
    main([*options, "--steps", "2", "--data", str(pictures)])
    moved = pictures.rename(tmp_path / "moved")
    main([*options, "--steps", "3", "--data", str(moved), "--resume"])
    assert "pictures were those of" in capsys.readouterr().out
    with pytest.raises(CheckpointError, match=r"last\.pt: was trained with --data .*moved; resume alike"):
        main([*options, "--steps", "4", "--resume"])


def test_a_new_run_leaves_another_ones_folder_alone(trained):
    before = {path.name: path.read_bytes() for path in trained.parent.glob("*.pt")}
    start = [*SMALL, "--steps", "2", "--out", str(trained.parent)]
    for begin in ([], ["--init", str(trained)]):
        with pytest.raises(CheckpointError, match=r"last\.pt: is another run's; go on with that run with --resume, or"):
            main([*start, *begin])
    trained.unlink()
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: is another run's"):
        main(start)
    del before["last.pt"]
    assert {path.name: path.read_bytes() for path in trained.parent.glob("*.pt")} == before
