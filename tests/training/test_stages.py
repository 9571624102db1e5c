from dataclasses import replace

import numpy as np
import pytest
import torch

from training import model as model_module
from training.checkpoints import CheckpointError, load_checkpoint, load_model, save_checkpoint
from training.configs import lite
from training.data.samples import Batch, sample
from training.losses import alpha_loss, composition_loss, matting_loss
from training.model import DeepImageMatting, ModelConfig
from training.run import Run
from training.settings import Settings
from training.tasks import Matting
from training.train import main

TINY = ModelConfig(width=0.125, norm="batch", skip=True)
SETTINGS = Settings(model="tiny", crop_size=32, batch=2, learning_rate=1e-2, warmup_steps=10)
CPU = torch.device("cpu")
OPTIONS = ["--config", "lite", "--workers", "0", "--threads", "1", "--steps", "2"]


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", TINY)
    monkeypatch.setattr(lite, "SETTINGS", SETTINGS)


@pytest.fixture(scope="module")
def batch():
    """Two soft discs of different colors before noise: it stays the same whatever is drawn for training."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:32, :32]
    parts = []
    for centre, radius in ((14, 9), (18, 7)):
        alpha = np.clip((radius - np.hypot(y - centre, x - 17)) / 6 + 0.5, 0, 1).astype(np.float32)
        trimap = np.select([alpha == 0, alpha == 1], [np.uint8(0), np.uint8(255)], np.uint8(128))
        colors = [np.float32(np.clip(rng.uniform(0, 1, 3) + rng.normal(0, 0.1, (32, 32, 3)), 0, 1)) for _ in range(2)]
        mixed = alpha[..., None] * colors[0] + (1 - alpha[..., None]) * colors[1]
        parts.append(sample((255 * mixed).astype(np.uint8), trimap, alpha, *colors))
    planes = (torch.from_numpy(np.stack(part)) for part in zip(*parts, strict=True))
    return Batch(*planes, torch.tensor([0, 1]))


def train(run, batch, steps):
    return [run.train_step(batch, step / steps, half=False) for step in range(steps)]


def truth_of(batch):
    return batch.alpha, batch.foreground, batch.background, batch.unknown


def losses(run, batch):
    """The worst of both losses on both results, as the network was last trained."""
    coarse, refined = Matting().forward(run.model, "all", batch, half=False)
    truth = truth_of(batch)
    return {
        "coarse": max(alpha_loss(coarse, truth[0], truth[3]).item(), composition_loss(coarse, *truth).item()),
        "refined": max(alpha_loss(refined, truth[0], truth[3]).item(), composition_loss(refined, *truth).item()),
    }


def test_each_stage_overfits_a_tiny_set(batch):
    first = Run(SETTINGS, CPU, 2, "encoder-decoder")
    assert losses(first, batch)["coarse"] > 0.15
    train(first, batch, 160)
    reached = losses(first, batch)
    assert reached["coarse"] < 0.015
    assert reached["refined"] == reached["coarse"]  # the refiner is off

    second = Run(SETTINGS, CPU, 0, "refiner")
    second.start_from(first.model.state_dict())
    worse = batch._replace(alpha=(0.85 * batch.alpha + 0.1))  # something that is left to refine
    before = train(second, worse, 1)[0]["refined"]
    assert train(second, worse, 100)[-1]["refined"] < 0.4 * before
    for name, value in first.model.state_dict().items():
        assert name.startswith("refine_") != torch.equal(second.model.state_dict()[name], value), name
        assert name.startswith("refine_") or torch.equal(second.average.state_dict()[name], value), name


def test_joint_stage_overfits_a_tiny_set(batch):
    run = Run(SETTINGS, CPU, 2)
    train(run, batch, 160)
    assert max(losses(run, batch).values()) < 0.015


def test_encoder_decoder_stage_leaves_the_refiner_off(batch):
    run = Run(SETTINGS, CPU, 2, "encoder-decoder")
    parts = train(run, batch, 3)[0]
    assert parts.keys() == {"coarse", "l1"}
    coarse, refined = run.average.stages(batch.input)
    assert torch.equal(coarse, refined)


@pytest.mark.parametrize(("stage", "trained"), [("all", {"coarse", "refined"}), ("refiner", {"refined"})])
def test_further_losses_go_with_each_trained_result(batch, stage, trained):
    run = Run(replace(SETTINGS, gradient_loss=2.0, laplacian_loss=0.5), CPU, 0, stage)
    parts = run.train_step(batch, 0.0, half=False)
    assert parts.keys() - {"l1"} == trained | {
        f"{name}_{loss}" for name in trained for loss in ("gradient", "laplacian")
    }
    assert all(value > 0 for value in parts.values())
    other = Run(SETTINGS, CPU, 0, stage)
    stages = Matting().forward(other.model, stage, batch, half=False)
    _, alone = Matting().loss(stages, stage, batch, replace(SETTINGS, gradient_loss=1.0))
    for name in trained:
        assert parts[f"{name}_gradient"] == pytest.approx(2 * alone[f"{name}_gradient"].item(), rel=1e-5)


def test_the_refiner_stage_has_the_alpha_loss_alone(batch):
    stages = Matting().forward(Run(SETTINGS, CPU, 0).model, "all", batch, half=False)
    loss, parts = Matting().loss(stages, "refiner", batch, SETTINGS)
    assert parts.keys() == {"refined"}
    assert loss.item() == alpha_loss(stages.refined, batch.alpha, batch.unknown).item()
    both, _ = Matting().loss(stages, "all", batch, SETTINGS)
    matting = [matting_loss(alpha, *truth_of(batch)).item() for alpha in stages]
    assert both.item() == pytest.approx(sum(matting), rel=1e-6)


def test_stages_by_command(tmp_path):
    first, second = ([*OPTIONS, "--stage", stage, "--out", str(tmp_path / stage)] for stage in
                     ("encoder-decoder", "refiner"))  # fmt: skip
    main(first)
    main([*second, "--init", str(tmp_path / "encoder-decoder/checkpoint.pt")])
    assert load_checkpoint(tmp_path / "refiner/last.pt")["training"]["stage"] == "refiner"
    coarse, refined = (load_model(tmp_path / stage / "checkpoint.pt").state_dict() for stage in
                       ("encoder-decoder", "refiner"))  # fmt: skip
    changed = {name.split(".")[0] for name in coarse if not torch.equal(coarse[name], refined[name])}
    assert changed == {"refine_conv1", "refine_conv2", "refine_conv3", "refine_alpha"}
    with pytest.raises(CheckpointError, match=r"last\.pt: was written in stage refiner; start stage all with --init"):
        main([*OPTIONS, "--out", str(tmp_path / "refiner"), "--resume"])


def test_refiner_stage_needs_a_refiner(monkeypatch):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", ModelConfig(width=0.0625, refine=False))
    with pytest.raises(CheckpointError, match="has no refiner"):
        Run(SETTINGS, CPU, 0, "refiner")


def test_init_refuses_another_network(tmp_path):
    config = ModelConfig(width=0.03)
    save_checkpoint(tmp_path / "c.pt", config, DeepImageMatting(config).state_dict())
    with pytest.raises(CheckpointError, match=r"c\.pt: holds .*width=0.03.* expected .*width=0.125"):
        main([*OPTIONS, "--init", str(tmp_path / "c.pt"), "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()
