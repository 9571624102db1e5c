"""Data sets of a few small pictures, and the evaluate command run on them with an engine that counts its runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dim_trt import evaluate

HEIGHT, WIDTH = 27, 41
NAMES = ["bear", "cat", "dog"]
LAYOUTS = {
    "alphamatting": ("input", "trimap1", "gt"),
    "composition1k": ("merged", "trimaps", "alpha"),
    "aim500": ("original", "trimap", "mask"),
    "p3m500": ("blurred_image", "trimap", "mask"),
    "plain": ("image", "trimap", "alpha"),
}

Run = Callable[..., str]


class CountingEngine:
    """In the place of Engine: alpha depends on the plan's first byte and the image; `runs` counts over all engines."""

    runs = 0
    fails_at = -1

    def __init__(self, plan: Path, orientations: int = 1, closed_form: bool = False, **_settings: object):
        self.info = {"path": str(plan), "precision": "fp32", "weights": "fp32", "orientations": orientations}
        self.info["closed_form"] = closed_form
        self.bias = Path(plan).read_bytes()[0] / 1000

    def run(self, img: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[np.float32]:
        if CountingEngine.runs == CountingEngine.fails_at:
            raise KeyboardInterrupt
        CountingEngine.runs += 1
        alpha = np.clip(img[:, :, 1] / np.float32(255) + np.float32(self.bias), 0, 1)
        return np.where(trimap == 0, 0, np.where(trimap == 255, 1, alpha)).astype(np.float32)


def build(root: Path, layout: str, names: list[str] = NAMES) -> None:
    """The later the name, the larger the error of the engine's alpha."""
    for name in names:
        random = np.random.default_rng(list(name.encode()))
        truth = cv2.GaussianBlur(random.integers(0, 256, (HEIGHT, WIDTH), np.uint8), (0, 0), 4)
        noise = random.integers(0, 40 + 60 * (ord(name[0]) - ord("a")), (HEIGHT, WIDTH))
        img = np.dstack([random.integers(0, 256, (HEIGHT, WIDTH))] * 3)
        img[:, :, 1] = np.clip(truth + noise, 0, 255)
        trimap = np.full((HEIGHT, WIDTH), 128, np.uint8)
        trimap[:, :9], trimap[:5] = 0, 255
        truth[trimap == 0], truth[trimap == 255] = 0, 255
        for kind, pixels in zip(LAYOUTS[layout], (img.astype(np.uint8), trimap, truth), strict=True):
            (root / kind).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(root / kind / f"{name}.png"), pixels)


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: set/ in the plain layout, a.plan and b.plan."""
    build(tmp_path / "set", "plain")
    (tmp_path / "a.plan").write_bytes(b"\x0a")
    (tmp_path / "b.plan").write_bytes(b"\x14")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluate, "Engine", CountingEngine)
    monkeypatch.setattr(CountingEngine, "runs", 0)
    monkeypatch.setattr(CountingEngine, "fails_at", -1)
    return tmp_path


@pytest.fixture(name="run")
def fixture_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command on set/ with a.plan unless `arguments` say otherwise; returns what it prints."""

    def run(*arguments: str) -> str:
        defaults = [] if {"--plan", "--predictions"} & set(arguments) else ["--plan", "a.plan"]
        parser = argparse.ArgumentParser()
        evaluate.add_arguments(parser)
        capsys.readouterr()
        evaluate.work(parser.parse_args(["--data", "set", *defaults, *arguments]))
        return capsys.readouterr().out

    return run


def document(path: str = "s.json") -> dict[str, Any]:
    result: dict[str, Any] = json.loads(Path(path).read_text())
    return result


def picture(path: str) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(path, cv2.IMREAD_UNCHANGED))
