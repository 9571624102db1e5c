"""What goes wrong during training says so in one sentence and leaves what was saved."""

import signal

import pytest
import torch

from training import model as model_module
from training.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from training.configs import full, lite
from training.data.loader import batches
from training.data.samples import DataError, SceneSource
from training.logs import Log, picture_sheet
from training.model import CONFIGS, DeepImageMatting, ModelConfig
from training.run import Run
from training.settings import Settings, config_names, load_settings
from training.train import main

resource = pytest.importorskip("resource", reason="limits on file sizes need a POSIX system")

TINY = ModelConfig(width=0.0625, norm="batch", skip=True)
OPTIONS = ["--config", "lite", "--workers", "0", "--threads", "1", "--seed", "7"]


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", TINY)
    monkeypatch.setattr(lite, "SETTINGS", Settings("tiny", crop_size=32, batch=2, learning_rate=3e-3, warmup_steps=3))


@pytest.fixture
def small_disk():
    """No file may grow beyond 200 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_nan_loss_names_the_batch_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    options = [*OPTIONS, "--out", str(tmp_path)]
    main([*options, "--steps", "2"])
    before = (tmp_path / "last.pt").read_bytes()
    monkeypatch.setattr("training.run.matting_loss", lambda *_: torch.tensor(float("nan"), requires_grad=True))
    with pytest.raises(SystemExit, match=r"loss is nan at step 2: batch 2 of seed 7; .*last\.pt is the last good"):
        main([*options, "--steps", "4", "--resume"])
    assert (tmp_path / "last.pt").read_bytes() == before
    with pytest.raises(SystemExit, match="loss is nan at step 0: batch 0 of seed 7; nothing was saved yet"):
        main([*OPTIONS, "--steps", "4", "--out", str(tmp_path / "other")])


def test_infinite_gradient_changes_no_weight():
    run = Run(lite.SETTINGS, torch.device("cpu"), 7)
    before = {name: value.clone() for name, value in run.model.named_parameters()}
    run.model.alpha.conv.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(FloatingPointError, match=r"gradient is (nan|inf) at step 0: batch 0 of seed 7"):
        run.train_step(next(batches(SceneSource(32), 2, seed=7)), 0.0, half=False)
    assert all(torch.equal(before[name], value) for name, value in run.model.named_parameters())


def test_full_disk(tmp_path, small_disk):
    path = tmp_path / "c.pt"
    save_checkpoint(path, TINY, {"a": torch.ones(2)})
    with pytest.raises(CheckpointError, match=r"c\.pt: cannot write the checkpoint .*; the older one is untouched"):
        save_checkpoint(path, TINY, {"a": torch.zeros(200_000)})
    assert torch.equal(load_checkpoint(path)["model"]["a"], torch.ones(2))
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.pt"]


def test_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"c\.pt: cannot write the checkpoint"):
        save_checkpoint(tmp_path / "file/c.pt", TINY, {})


def test_a_wrong_validation_folder_says_so_before_training(tmp_path):
    with pytest.raises(DataError, match=r"data: the folder .*none' does not exist"):
        main([*OPTIONS, "--steps", "2", "--out", str(tmp_path / "run"), "--validate", str(tmp_path / "none")])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--crop", "100"], "--crop: expected a multiple of 32 pixels, got 100"),
        (["--batch", "0"], "--batch: expected at least 1, got 0"),
        (["--learning-rate", "0"], "--learning-rate: expected more than 0, got 0.0"),
        (["--gradient-loss", "-1"], "--gradient-loss: expected a weight of 0 or more, got -1.0"),
        (["--laplacian-loss", "nan"], "--laplacian-loss: expected a weight of 0 or more, got nan"),
        (["--config", "none"], "invalid choice: 'none'"),
        (["--seed", "-1"], "--seed: expected 0 or more, got -1"),
        (["--workers", "-1"], "--workers: expected 0 or more, got -1"),
    ],
)
def test_bad_options(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(["--steps", "2", *arguments])
    assert message in capsys.readouterr().err


def test_every_config_is_usable():
    assert config_names() == ["full", "lite"]
    assert load_settings("full") == full.SETTINGS
    assert all(load_settings(name).model in {*CONFIGS} for name in config_names())


def test_full_takes_a_step(monkeypatch):
    monkeypatch.setattr(DeepImageMatting, "apply", lambda self, _: self)  # its random numbers take seconds
    run = Run(load_settings("full", crop_size=32, batch=1), torch.device("cpu"), 0)
    assert run.model.conv5_3.conv.weight.shape == (512, 512, 3, 3)
    assert run.train_step(next(batches(SceneSource(32), 1, seed=0)), 0.0, half=False)["refined"] > 0


def test_picture_sheet():
    batch = next(batches(SceneSource(32), 6, seed=1))
    sheet = picture_sheet(batch, 1 - batch.alpha, count=4)
    assert sheet.shape == (3, 4 * 32, 4 * 32)
    image, trimap, alpha, predicted = sheet[:, 32:64].split(32, 2)  # the second sample
    mixed = batch.alpha[1] * batch.foreground[1] + (1 - batch.alpha[1]) * batch.background[1]
    assert (image - mixed).abs().mean() < 0.05  # but for noise and gamma
    assert torch.equal((trimap[:1] > 0.4) & (trimap[:1] < 0.6), batch.unknown[1])
    torch.testing.assert_close(alpha[:1], batch.alpha[1])
    torch.testing.assert_close(predicted[:1], 1 - batch.alpha[1])


def test_tensorboard_has_curves_and_pictures(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    main([*OPTIONS, "--steps", "50", "--out", str(tmp_path)])
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert "image, trimap, alpha, prediction" in events.Tags()["images"]
    assert {"training/coarse", "training/refined", "training/l1"} <= set(events.Tags()["scalars"])
    Log(None).scalar("nothing", 0.0, 0)
