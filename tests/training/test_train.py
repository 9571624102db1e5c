import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.support import ROOT
from training import model as model_module
from training.checkpoints import CheckpointError, load_checkpoint, load_model, save_checkpoint
from training.configs import lite
from training.data.loader import batches
from training.data.preprocess import PREPROCESSING, canonical_trimap, network_input
from training.data.samples import SceneSource
from training.model import DeepImageMatting, ModelConfig
from training.run import learning_rate, update_average
from training.settings import Settings
from training.train import main

TINY = ModelConfig(width=0.0625, norm="batch", skip=True)
SETTINGS = Settings(model="tiny", crop_size=32, batch=2, learning_rate=3e-3, warmup_steps=3)


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", TINY)
    monkeypatch.setattr(lite, "SETTINGS", SETTINGS)


def test_network_input():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    trimap = np.array([[0, 1, 127, 128, 200, 254, 255]] * 5, np.uint8)
    planes = network_input(image, trimap)
    assert planes.shape == (4, 32, 32)
    assert planes.dtype == np.float32
    expected = (image[2, 3] - np.array(PREPROCESSING.mean)) / PREPROCESSING.std
    np.testing.assert_allclose(planes[:3, 2, 3], expected, rtol=1e-5)
    np.testing.assert_allclose(planes[3, 0, :7], np.array([0, 128, 128, 128, 128, 128, 255]) / 255, rtol=1e-6)
    assert canonical_trimap(trimap).dtype == np.uint8


@pytest.mark.parametrize("size", [(1, 1), (1, 33), (32, 64), (33, 57), (161, 243)])
def test_network_input_is_filled_up_by_reflection(size):
    rng = np.random.default_rng(0)
    image, trimap = rng.integers(0, 256, (*size, 3), np.uint8), rng.integers(0, 256, size, np.uint8)
    planes = network_input(image, trimap)
    assert planes.shape[1] % 32 == planes.shape[2] % 32 == 0
    assert all(0 <= planes.shape[1 + axis] - size[axis] < 32 for axis in range(2))
    inside = planes[:, : size[0], : size[1]]
    padding = [(0, 0), *((0, -side % 32) for side in size)]
    np.testing.assert_array_equal(planes, np.pad(inside, padding, mode="reflect"))
    colors = ((image - np.float32(PREPROCESSING.mean)) / np.float32(PREPROCESSING.std)).transpose(2, 0, 1)
    np.testing.assert_array_equal(inside[:3], colors)


def test_crops_depend_on_the_seed_only():
    first, again, other = (next(batches(SceneSource(32), 3, seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.input, other.input)
    assert first.input.shape == (3, 4, 32, 32)
    assert first.unknown.dtype == torch.bool


def test_run_writes_checkpoints_and_resumes(tmp_path, folder, capsys):
    options = ["--config", "lite", "--workers", "0", "--out", str(tmp_path / "run"), "--validate", str(folder)]
    main([*options, "--steps", "3"])
    model = load_model(tmp_path / "run/checkpoint.pt", TINY)
    assert not model.training
    assert model.config == TINY
    assert "SAD" in capsys.readouterr().out
    assert load_checkpoint(tmp_path / "run/last.pt")["training"]["step"] == 3
    main([*options, "--steps", "5", "--resume"])
    assert load_checkpoint(tmp_path / "run/last.pt")["training"]["step"] == 5
    assert sorted(path.name for path in (tmp_path / "run").glob("*.pt*")) == ["checkpoint.pt", "last.pt"]


def test_resume_refuses_another_config(tmp_path):
    save_checkpoint(tmp_path / "last.pt", ModelConfig(width=0.05), {}, {})
    with pytest.raises(CheckpointError, match=r"last.pt: holds .*0.05"):
        main(["--config", "lite", "--steps", "2", "--resume", "--out", str(tmp_path)])


def test_learning_rate_falls_to_zero():
    rates = [learning_rate(SETTINGS, step, step / 100) for step in range(101)]
    assert rates[0] == pytest.approx(SETTINGS.learning_rate / 3)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[3:]))
    assert rates[-1] == pytest.approx(0)


def test_average_covers_batch_norm_statistics():
    average, model = DeepImageMatting(TINY), DeepImageMatting(TINY)
    model.conv1_1.norm.running_mean.fill_(1.0)
    update_average(average, model, step=10**6, decay=0.75)
    assert average.conv1_1.norm.running_mean.mean().item() == pytest.approx(0.25)


def test_average_is_that_of_single_tensors_to_the_bit():
    average, model = DeepImageMatting(TINY), DeepImageMatting(TINY)
    for number, buffer in enumerate(model.buffers()):
        buffer.copy_(torch.randn(buffer.shape) * 9 + number)
    expected = {name: value.clone() for name, value in average.state_dict().items()}
    for step, decay in ((0, 0.99), (7, 0.99), (10**6, 0.998)):
        weight = 1 - min(decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            expected[name] = expected[name].lerp(value, weight) if value.is_floating_point() else value
        update_average(average, model, step, decay)
        for name, value in average.state_dict().items():
            assert torch.equal(value, expected[name]), name


def test_checkpoint_errors(tmp_path):
    path = tmp_path / "c.pt"
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_model(path)
    model = DeepImageMatting(TINY)
    save_checkpoint(path, TINY, model.state_dict())
    loaded = load_model(path).state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in model.state_dict().items())
    with pytest.raises(CheckpointError, match="expected ModelConfig"):
        load_model(path, ModelConfig())
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not a checkpoint"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="truncated, or no checkpoint"):
            load_model(path)
    torch.save({"model": {}}, path)
    with pytest.raises(CheckpointError, match="expected format, config and model"):
        load_model(path)
    save_checkpoint(path, ModelConfig(width=0.03), model.state_dict())
    with pytest.raises(CheckpointError, match="do not fit"):
        load_model(path)


def test_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "c.pt"
    save_checkpoint(path, TINY, {"a": torch.ones(2)})
    before = path.read_bytes()

    def full_disk(content, target):
        target.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(CheckpointError, match="No space left"):
        save_checkpoint(path, TINY, {"a": torch.zeros(2)})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.pt"]


def test_checkpoints_say_what_they_hold(tmp_path):
    """Those that do not are older, and of the only network there was."""
    path, model = tmp_path / "c.pt", DeepImageMatting(TINY)
    save_checkpoint(path, TINY, model.state_dict())
    content = torch.load(path, weights_only=True)
    assert (content["task"], content["network"]) == ("matting", "dim")
    torch.save({key: value for key, value in content.items() if key not in ("task", "network")}, path)
    assert load_model(path).config == TINY
    torch.save(content | {"network": "u2net"}, path)
    with pytest.raises(
        CheckpointError, match=r"expected task and network \('matting', 'dim'\), got \('matting', 'u2net'\)"
    ):
        load_model(path)


AFTER_THREADS = """
import cv2, numpy as np
cv2.setNumThreads(4)
cv2.resize(np.zeros((4000, 4000, 3), np.uint8), (3000, 3000), interpolation=cv2.INTER_CUBIC)
from training.data.loader import batches
from training.data.samples import SceneSource
data = batches(SceneSource(32), 2, seed=0, workers=1)
print(len(next(data).alpha))
data.close()
"""


def test_workers_begin_though_opencv_has_threads():
    """As after a validation; forked processes waited for them, and the run for ever for those."""
    done = subprocess.run([sys.executable, "-c", AFTER_THREADS], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "2\n", done.stderr
