"""The ways to have many pictures matted that `benchmarks.throughput` compares: the engine's, and peers' runs."""

from __future__ import annotations

import itertools
import queue
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

import cv2

import dim_trt
from benchmarks.methods import ENGINE, Contender, Files, load
from benchmarks.pictures import Picture

RUN, SUBMIT, STREAM, FOLDER = "run()", "submit()", "stream()", "matte FOLDER"
WAYS = (RUN, SUBMIT, STREAM, FOLDER)
Work = Callable[[int], None]  # mattes so many pictures


class Setting(NamedTuple):
    """`concurrent` pictures at a time, each computed by so many threads; the engine's, or a peer's `run`."""

    way: str
    concurrent: int
    threads: int
    peer: str = ENGINE


def works_of(settings: Sequence[Setting], files: Files, picture: Picture, folder: Path) -> dict[Setting, Work]:
    works: dict[Setting, Work] = {}
    for setting in settings:
        if setting.peer != ENGINE:
            works[setting] = work_of_peer(setting, files, picture)
        elif setting.way == FOLDER:
            works[setting] = matte_folder(setting, files.plan, picture, folder)
        else:
            works[setting] = work(setting, files.plan, picture)
    return works


def work_of_peer(setting: Setting, files: Files, picture: Picture) -> Work:
    """One of its kind for each picture at a time, as a pool of threads is one run's."""
    idle: queue.SimpleQueue[Contender] = queue.SimpleQueue()
    for _ in range(setting.concurrent):
        idle.put(load(setting.peer, files, setting.threads))

    def matte() -> None:
        contender = idle.get()
        try:
            contender.run(picture.img, picture.trimap)
        finally:
            idle.put(contender)

    def run(count: int) -> None:
        with ThreadPoolExecutor(setting.concurrent) as callers:
            for future in [callers.submit(matte) for _ in range(count)]:
                future.result()

    return run


def work(setting: Setting, plan: Path, picture: Picture) -> Work:
    """Mattes so many pictures; each call has written its alpha to an array of its own."""
    engine = dim_trt.Engine(plan, device="cpu", threads=setting.threads, color="rgb", max_concurrent=setting.concurrent)
    pair = picture.img, picture.trimap

    def run(count: int) -> None:
        with ThreadPoolExecutor(setting.concurrent) as callers:
            for future in [callers.submit(lambda: engine.run(*pair)) for _ in range(count)]:
                future.result()

    def submit(count: int) -> None:
        futures = [engine.submit(*pair) for _ in range(count)]
        wait(futures)
        for future in futures:
            future.result()

    def stream(count: int) -> None:
        for _ in dim_trt.stream(engine, itertools.repeat(pair, count)):
            pass

    return {RUN: run, SUBMIT: submit, STREAM: stream}[setting.way]


def matte_folder(setting: Setting, plan: Path, picture: Picture, folder: Path) -> Work:
    """The command on a folder: its start, reading and writing included."""
    images, trimaps = folder / "images", folder / "trimaps"

    def run(count: int) -> None:
        for kind, array in ((images, picture.img[:, :, ::-1]), (trimaps, picture.trimap)):
            kind.mkdir(exist_ok=True)
            for path in kind.iterdir():
                path.unlink()
            png = cv2.imencode(".png", array)[1].tobytes()
            for number in range(count):
                (kind / f"{number:04}.png").write_bytes(png)
        command = [
            sys.executable,
            "-m",
            "dim_trt.matte",
            "--image",
            images,
            "--trimap",
            trimaps,
            "-o",
            folder / "alphas",
        ]
        options = ["--plan", plan, "--threads", str(setting.threads)]
        subprocess.run([*map(str, command), *map(str, options)], check=True, stderr=subprocess.DEVNULL)

    return run
