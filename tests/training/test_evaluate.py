import os
import shutil
import sys
import types

import cv2
import numpy as np
import pytest
import torch

from training import evaluate, speed
from training.checkpoints import save_checkpoint
from training.data.samples import DataError
from training.data.testsets import alphamatting
from training.model import DeepImageMatting, ModelConfig
from training.scenes.families import FAMILIES
from training.scenes.textures import Size
from training.validation import held_out_scene, mean_score, network, predict, validate, validate_scenes

TINY = ModelConfig(width=0.0625, norm="batch", skip=True)


def test_validation_scores_unknown_pixels_only(folder):
    model = DeepImageMatting(TINY).eval()
    torch.nn.init.zeros_(model.alpha.conv.weight)
    torch.nn.init.zeros_(model.refine_alpha.conv.weight)
    scores = validate(network(model), alphamatting(folder))
    assert scores["a"].sad == pytest.approx(17 * 45 * 0.3 / 1000)
    assert mean_score(scores).mse == pytest.approx(0.09)
    (folder / "input/a.png").unlink()
    with pytest.raises(DataError, match=r"input/a\.png' is missing"):
        validate(network(model), alphamatting(folder))


def test_evaluate_prints_a_table(tmp_path, folder, capsys):
    (folder / "trimap1").rename(folder / "trimap2")
    save_checkpoint(tmp_path / "c.pt", TINY, DeepImageMatting(TINY).state_dict())
    options = ["--checkpoint", str(tmp_path / "c.pt"), "--alphamatting", str(folder)]
    with pytest.raises(SystemExit, match=r"to hold input/, trimap1/ and gt/ .*; got gt/, input/, trimap2/"):
        evaluate.main(options)
    shutil.copytree(folder / "trimap2", folder / "trimap1")
    evaluate.main(options)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["picture", "a", "mean"]


def test_sizes_that_differ_are_named(folder):
    cv2.imwrite(str(folder / "gt/a.png"), np.zeros((44, 51), np.uint8))
    with pytest.raises(DataError, match=r"a: truth: .*\[45, 51\] as .*input/a\.png', got \[44, 51\] in .*gt/a\.png"):
        validate(network(DeepImageMatting(TINY).eval()), alphamatting(folder))


def test_a_picture_without_unknown_pixels_is_named(folder):
    cv2.imwrite(str(folder / "trimap1/a.png"), np.zeros((45, 51), np.uint8))
    with pytest.raises(DataError, match="a: area: the unknown region has no pixel"):
        validate(network(DeepImageMatting(TINY).eval()), alphamatting(folder))
    with pytest.raises(DataError, match=r"trimap1' to hold input/, trimap2/ and gt/"):
        alphamatting(folder / "trimap1", "wide")


def test_what_is_too_big_for_the_gpu_goes_through_the_cpu(monkeypatch):
    model = DeepImageMatting(TINY).eval()
    image, trimap = np.zeros((45, 51, 3), np.uint8), np.full((45, 51), 99, np.uint8)
    expected, forward, calls = predict(model, image, trimap), DeepImageMatting.forward, []

    def out_of_memory_at_first(self, x):
        calls.append(self)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("no memory")
        return forward(self, x)

    monkeypatch.setattr(DeepImageMatting, "forward", out_of_memory_at_first)
    np.testing.assert_array_equal(predict(model, image, trimap, half=True), expected)
    assert calls[0] is model
    assert calls[1] is not model


def test_half_precision_is_close():
    torch.manual_seed(0)
    model, rng = DeepImageMatting(TINY).eval(), np.random.default_rng(0)
    picture = rng.integers(0, 256, (45, 51, 3), np.uint8), np.full((45, 51), 99, np.uint8)
    exact, half = (predict(model, *picture, half) for half in (False, True))
    assert 0 < np.abs(exact - half).max() < 0.02


@pytest.mark.parametrize("command", [evaluate.main, speed.main])
def test_a_gpu_that_is_not_there(command, folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    options = ["--alphamatting", str(folder)] if command is evaluate.main else []
    with pytest.raises(SystemExit, match="--device cuda: PyTorch sees no GPU here; leave it out"):
        command([*options, "--device", "cuda"])


@pytest.fixture
def pymatting(monkeypatch):
    """A stand-in that returns the trimap; checks what it is given."""

    def estimate(image, trimap):
        assert image.dtype == trimap.dtype == np.float64
        assert image.max() <= 1
        assert set(np.unique(trimap)) <= {0, 0.5, 1}
        return 3 * trimap - 1  # -1, 0.5, 2: to be clipped

    module = types.SimpleNamespace(estimate_alpha_cf=estimate, estimate_alpha_knn=estimate)
    monkeypatch.setitem(sys.modules, "pymatting", module)


def test_other_methods_beside_the_network(tmp_path, folder, pymatting, capsys):
    shutil.copytree(folder / "trimap1", folder / "trimap2")
    save_checkpoint(tmp_path / "c.pt", TINY, DeepImageMatting(TINY).state_dict())
    evaluate.main(["--alphamatting", str(folder), "--method", "cf"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["a", "0.23", "90.0", "0.23", "90.0"]  # 17 · 45 pixels, 0.5 instead of 0.2
    evaluate.main(["--alphamatting", str(folder), "--checkpoint", str(tmp_path / "c.pt"), "--method", "network", "knn"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["network:", "picture", "a", "mean", "knn:", "picture", "a", "mean"]


def test_without_pymatting_a_sentence_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymatting", None)
    with pytest.raises(SystemExit, match=r"--method cf needs pymatting .*: pip install pymatting"):
        evaluate.main(["--alphamatting", str(folder), "--method", "cf"])


def test_scenes_by_family(tmp_path, pymatting, capsys, monkeypatch):
    monkeypatch.setattr(evaluate, "FAMILIES", {"hair": None, "net": None})
    save_checkpoint(tmp_path / "c.pt", TINY, DeepImageMatting(TINY).state_dict())
    options = ["--scenes", "1", "--seed", "3", "--checkpoint", str(tmp_path / "c.pt"), "--method", "network", "cf"]
    evaluate.main(options)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["family", "SAD", "network", "MSE", "e-3", "SAD", "cf", "MSE", "e-3"]
    assert [line.split()[0] for line in lines[2:]] == ["hair", "net", "mean"]
    half = validate_scenes({"half": lambda image, trimap: np.full(trimap.shape, 0.5)}, "net", 1, 3)["half"]
    assert lines[3].split()[3] == f"{half.sad:.2f}"


def test_held_out_scenes_have_known_and_unknown_pixels():
    for number, family in enumerate(list(FAMILIES)[::3]):
        scene = held_out_scene(0, family, number, Size(96, 128))
        assert set(np.unique(scene.trimap)) == {0, 128, 255}


def test_speed_prints_rates(capsys, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    threads = torch.get_num_threads()
    try:
        speed.main(["--config", "lite", "--seconds", "0.01", "--crop", "32", "--batch", "2"])
    finally:
        torch.set_num_threads(threads)
    printed = capsys.readouterr().out
    assert printed.startswith("lite on ")
    for piece in ("one core draws ", "combines ", "steps with ready batches on 1 threads: ", "from a bank: ",
                  "each scene drawn anew: "):  # fmt: skip
        assert float(printed.split(piece)[1].split()[0]) > 0
