"""How fast this machine makes samples and trains, piece by piece: `python -m training.speed --config lite`."""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch

from dim_trt.graph.metadata import TASK
from training.data import bank
from training.data.bank import OnDevice, Request, SceneBank
from training.data.loader import GROUP, batches
from training.data.ring import Ring
from training.data.samples import Batch, SceneSource
from training.devices import (
    DeviceError,
    add_device_argument,
    add_half_argument,
    available_cores,
    choose_device,
    choose_half,
)
from training.run import Run
from training.scenes import camera, drawing
from training.scenes.painting import paint
from training.settings import Settings, config_names, load_settings

LAYERS = 16  # of the banks measured here
STAGES = ((bank, "see"), (camera, "lens"), (drawing, "spread_color"), (drawing, "light"), (drawing, "shadow"),
          (camera, "mixture"), (camera, "grain"), (camera, "compressed"), (drawing, "random_trimaps"),
          (bank, "normalised"))  # fmt: skip


def rate(work: Callable[[], object], seconds: float, device: torch.device | None = None) -> float:
    """How often a second, on one device, after a first time that does not count."""

    def wait() -> None:
        if device and device.type == "cuda":
            torch.cuda.synchronize(device)

    work()
    wait()
    start, count = time.perf_counter(), 0
    while (took := time.perf_counter() - start) < seconds or not count:
        work()
        wait()
        count += 1
    return count / took


@contextmanager
def stage_times(device: torch.device) -> Iterator[dict[str, float]]:
    """Seconds spent in each stage of combining, by name, while this is open."""
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, stage: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            start = time.perf_counter()
            result = stage(*given)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            spent[name] += time.perf_counter() - start
            return result

        return run

    patches = [mock.patch.object(module, name, timed(name, getattr(module, name))) for module, name in STAGES]
    for patch in patches:
        patch.start()
    try:
        yield spent
    finally:
        for patch in patches:
            patch.stop()


def drawing_speed(crop: int, seconds: float) -> tuple[float, float]:
    """Of one process: layers with textures, and crops of scenes that are drawn anew, per second."""
    side, numbers, rng = SceneBank(crop, LAYERS, 0, Path()).side, iter(range(10**9)), np.random.default_rng(0)
    source = SceneSource(crop)

    def fresh() -> None:
        source.draw(rng, int(rng.choice(len(source.weights), p=source.weights)), GROUP)

    return rate(lambda: paint((0,), next(numbers), side), seconds), GROUP * rate(fresh, seconds)


def combining_speed(settings: Settings, device: torch.device, seconds: float) -> tuple[float, dict[str, float], Batch]:
    """Crops per second from a bank, milliseconds for each crop by stage, and a batch."""
    source = SceneBank(settings.crop_size, LAYERS, 0, Path())
    with tempfile.TemporaryDirectory() as folder:
        ring = Ring(Path(folder) / "ring", (0,), LAYERS, source.side)
        for number in range(LAYERS):
            ring.paint(number)
        held = OnDevice(ring, device)
        held.load(0, LAYERS)
        ring.close()
    numbers = iter(range(10**9))

    def combine() -> Batch:
        request = Request(next(numbers), settings.batch, (0,), 0, LAYERS, source.weights)
        return bank.make(held.pictures, request, source.crop_size)

    crops = settings.batch * rate(combine, seconds, device)
    start = next(numbers)
    with stage_times(device) as spent:
        rate(combine, seconds, device)
    made = settings.batch * (next(numbers) - start - 1)
    return crops, {name: 1000 * took / made for name, took in spent.items()}, combine()


def whole_speed(source: SceneBank | SceneSource, settings: Settings, device: torch.device, workers: int, seconds: float,
                half: bool) -> float:  # fmt: skip
    """Trained crops per second with everything: drawing, combining, steps."""
    run = Run(settings, device, seed=0)
    data = batches(source, settings.batch, 0, workers=workers, device=device)
    speed = settings.batch * rate(lambda: run.train_step(next(data), 0.0, half), seconds, device)
    data.close()
    return speed


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="lite", choices=config_names(), help="a file in training/configs")
    parser.add_argument("--seconds", type=float, default=5, help="for each figure")
    parser.add_argument("--crop", type=int, help="pixels, instead of the configuration's")
    parser.add_argument("--batch", type=int, help="crops per step, instead of the configuration's")
    parser.add_argument("--workers", type=int, default=1, help="processes that make samples, for the last figures")
    add_device_argument(parser)
    add_half_argument(parser)
    options = parser.parse_args(arguments)
    try:
        device = choose_device(options.device)
    except DeviceError as error:
        raise SystemExit(str(error)) from error
    options.half = choose_half(options.half, device)
    settings = load_settings(options.config, options.crop, options.batch)
    if settings.task != TASK:
        parser.error(f"--config: expected one for {TASK}, whose scenes are measured here; {options.config} is for "
                     f"{settings.task}")  # fmt: skip
    report(options, settings, device)


def report(options: argparse.Namespace, settings: Settings, device: torch.device) -> None:
    """Measures and prints, the small pieces first."""
    cores = available_cores()
    print(f"{options.config} on {device.type}: crops of {settings.crop_size} pixels, batches of {settings.batch}")
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"the machine has other work (load {os.getloadavg()[0]:.1f}): alone it is faster")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    layers, fresh = drawing_speed(settings.crop_size, options.seconds)
    print(f"one core draws {layers:.1f} layers with textures a second, or {fresh:.1f} crops of scenes drawn anew")
    combined, stages, batch = combining_speed(settings, device, options.seconds)
    print(f"one core, or the GPU, combines {combined:.1f} crops a second; milliseconds a crop:")
    print("".join(f"  {name:16}{took:8.3f}\n" for name, took in stages.items()), end="")
    for threads in sorted({1, cores}):
        torch.set_num_threads(threads)
        step = functools.partial(Run(settings, device, seed=0).train_step, batch, 0.0, options.half)
        trained = settings.batch * rate(step, options.seconds, device)
        print(f"steps with ready batches on {threads} threads: {trained:.1f} crops a second", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        kept = SceneBank(settings.crop_size, LAYERS, settings.fresh, Path(folder))
        for name, source in (("from a bank", kept), ("each scene drawn anew", SceneSource(settings.crop_size))):
            whole = whole_speed(source, settings, device, options.workers, options.seconds, options.half)
            print(f"trained crops a second, {name}: {whole:.1f}", flush=True)


if __name__ == "__main__":
    main()
