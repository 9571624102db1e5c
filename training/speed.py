"""How fast this machine makes samples and trains: `python -m training.speed --config lite`."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time

import cv2
import numpy as np
import torch

from training.data.loader import GROUP, batches
from training.data.samples import SceneSource
from training.devices import (
    DeviceError,
    add_device_argument,
    add_half_argument,
    available_cores,
    choose_device,
    choose_half,
)
from training.run import Run
from training.settings import Settings, config_names, load_settings


def draw_for(seconds: float, crop_size: int, seed: int) -> tuple[float, float]:
    """Scenes per second and crops per second of one process."""
    cv2.setNumThreads(1)
    source, rng = SceneSource(crop_size), np.random.default_rng(seed)
    likely = source.weights / source.weights.sum()
    start, scenes, crops = time.perf_counter(), 0, 0
    while (took := time.perf_counter() - start) < seconds or not scenes:
        crops += len(source.draw(rng, int(rng.choice(len(likely), p=likely)), GROUP))
        scenes += 1
    return scenes / took, crops / took


def drawing_speed(processes: int, seconds: float, crop_size: int) -> tuple[float, float]:
    """Scenes and crops per second of so many processes together."""
    if processes == 1:
        return draw_for(seconds, crop_size, 0)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        rates = pool.starmap(draw_for, [(seconds, crop_size, seed) for seed in range(processes)], 1)
    scenes, crops = np.sum(rates, 0)
    return float(scenes), float(crops)


def training_speed(settings: Settings, device: torch.device, threads: int, seconds: float, half: bool) -> float:
    """Training samples per second with ready batches: forward, backward, optimiser, average."""
    torch.set_num_threads(threads)
    run = Run(settings, device, seed=0)
    batch = next(batches(SceneSource(settings.crop_size), settings.batch, seed=0))
    run.train_step(batch, 0.0, half)  # warms up
    start, steps = time.perf_counter(), 0
    while (took := time.perf_counter() - start) < seconds or not steps:
        run.train_step(batch, 0.0, half)
        steps += 1
    return steps * settings.batch / took


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="lite", choices=config_names(), help="a file in training/configs")
    parser.add_argument("--seconds", type=float, default=5, help="for each figure")
    parser.add_argument("--crop", type=int, help="pixels, instead of the configuration's")
    parser.add_argument("--batch", type=int, help="crops per step, instead of the configuration's")
    add_device_argument(parser)
    add_half_argument(parser)
    options = parser.parse_args(arguments)
    try:
        device = choose_device(options.device)
    except DeviceError as error:
        raise SystemExit(str(error)) from error
    settings = load_settings(options.config, options.crop, options.batch)
    cores, half = available_cores(), choose_half(options.half, device)
    print(f"{options.config}: crops of {settings.crop_size} pixels, batches of {settings.batch}")
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"the machine has other work (load {os.getloadavg()[0]:.1f}): alone it is faster")
    print(f"{'cores':>5} {'scenes/s':>9} {'crops of them/s':>16} {'trained crops/s':>16}")
    for count in sorted({1, cores}):
        scenes, crops = drawing_speed(count, options.seconds, settings.crop_size)
        trained = training_speed(settings, device, count, options.seconds, half)
        print(f"{count:5} {scenes:9.1f} {crops:16.1f} {trained:16.1f}", flush=True)


if __name__ == "__main__":
    main()
