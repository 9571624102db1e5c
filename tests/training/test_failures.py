"""What goes wrong during training says so in one sentence and leaves what was saved."""

import copy
import signal

import numpy as np
import pytest
import torch

from training import model as model_module
from training.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from training.configs import full, lite
from training.data.hard import HardExamples
from training.data.loader import batches
from training.data.samples import DataError, SceneSource
from training.logs import Log, averaged_alpha, picture_sheet
from training.model import DeepImageMatting, ModelConfig
from training.networks import ALL_CONFIGS
from training.parallel import Processes, ProcessLostError
from training.run import Run, learning_rate
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
    monkeypatch.setattr("training.tasks.matting_loss", lambda *_: torch.tensor(float("nan"), requires_grad=True))
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


def test_a_step_that_fails_leaves_the_run_as_it_was(monkeypatch):
    """As where another process is lost: what is saved then goes on to the same bits."""
    source = SceneSource(32)
    run = Run(lite.SETTINGS, torch.device("cpu"), 7, hard=HardExamples(source.names, source.weights))
    data = batches(source, 2, seed=7)
    run.train_step(next(data), 0.0, half=False)
    before, errors = copy.deepcopy(run.model.state_dict()), run.hard.error.copy()

    def lost(*_):
        raise ProcessLostError("lost")

    monkeypatch.setattr(Processes, "average_gradients", lost)
    batch = next(data)
    with pytest.raises(ProcessLostError):
        run.train_step(batch, 0.0, half=False)
    assert any(name.endswith("running_mean") for name in before)
    assert all(torch.equal(before[name], value) for name, value in run.model.state_dict().items())
    np.testing.assert_array_equal(run.hard.error, errors)
    assert (run.step, run.whole) == (1, True)


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
        (["--seed", "-1"], "--seed: expected a whole number from 0, got -1"),
        (["--workers", "-1"], "--workers: expected a whole number from 0, got -1"),
        (["--threads", "0"], "--threads: expected a whole number from 1, got 0"),
        (["--stop-at", "0"], "--stop-at: expected a whole number from 1, got 0"),
        (["--every", "0"], "--every: expected a number above 0, got 0"),
        (["--every", "inf"], "--every: expected a number above 0, got inf"),
    ],
)
def test_bad_options(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(["--steps", "2", *arguments])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "budget", ["--minutes=-3", "--minutes=0", "--minutes=nan", "--steps=0", "--steps=-1", "--steps=2.5"]
)
def test_bad_budgets(budget, capsys):
    with pytest.raises(SystemExit):
        main([budget])
    name, _, value = budget.partition("=")
    wanted = {"--minutes": "a number above 0", "--steps": "a whole number from 1"}[name]
    assert f"argument {name}: expected {wanted}, got {value}" in capsys.readouterr().err


def test_every_config_is_usable():
    assert config_names() == ["full", "lite", "salient", "salient-full"]
    assert load_settings("full") == full.SETTINGS
    assert all(load_settings(name).model in {*ALL_CONFIGS, "tiny"} for name in config_names())


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


def test_tensorboard_has_curves_settings_and_pictures(tmp_path, folder, monkeypatch):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setattr("training.train.LOG_STEPS", 2)
    options = [*OPTIONS, "--out", str(tmp_path), "--validate", str(folder)]
    main([*options, "--steps", "8", "--stop-at", "4"])
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert "image, trimap, alpha, prediction" in events.Tags()["images"]
    scalars = {"training/coarse", "training/refined", "training/l1", "training/learning_rate", "training/crops_per_s"}
    assert scalars | {"validation/sad", "validation/narrow/mse"} <= set(events.Tags()["scalars"])
    rate = events.Scalars("training/learning_rate")[-1]
    assert (rate.step, rate.value) == (4, pytest.approx(learning_rate(lite.SETTINGS, 3, 3 / 8)))
    (text,) = events.Tensors("settings/text_summary")
    assert b"| crop_size | 32 |" in text.tensor_proto.string_val[0]
    assert b"| data | scenes |" in text.tensor_proto.string_val[0]


def test_what_a_resumed_run_repeats_is_dropped_from_the_log(tmp_path, monkeypatch):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setattr("training.train.LOG_STEPS", 1)
    options = [*OPTIONS, "--steps", "9", "--out", str(tmp_path)]
    main([*options, "--stop-at", "2"])
    before = (tmp_path / "last.pt").read_bytes()
    main([*options, "--stop-at", "6", "--resume"])
    (tmp_path / "last.pt").write_bytes(before)  # as after kill -9
    main([*options, "--stop-at", "3", "--resume"])
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in events.Scalars("training/l1")] == [1, 2, 3]


def test_pictures_are_the_averaged_networks():
    run = Run(lite.SETTINGS, torch.device("cpu"), 7)
    run.last = next(batches(SceneSource(32), 2, seed=1))
    with torch.no_grad():
        run.average.refine_alpha.conv.bias.fill_(99.0)
    assert averaged_alpha(run).min() > 0.99


def test_a_log_on_a_full_disk_ends_and_the_run_goes_on(tmp_path, capsys):
    log = Log(tmp_path)
    if log.writer is None:
        pytest.skip("tensorboard is not installed")

    def full_disk(*_):
        raise OSError("No space left on device")

    log.writer.add_scalar = full_disk
    log.scalars("training", {"l1": 1.0}, 0)
    assert "the log for TensorBoard ends here: No space left" in capsys.readouterr().out
    log.scalars("training", {"l1": 1.0}, 1)
    log.close()
    Log(None).scalars("nothing", {"x": 0.0}, 0)
