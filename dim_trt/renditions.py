"""Pictures from files to files: read, matte, and write alpha with all that is made of it."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dim_trt.engine import Engine
from dim_trt.errors import Error, InvalidInput
from dim_trt.files import StrPath, write_together
from dim_trt.masks.automatic import Automatic
from dim_trt.pictures.composite import WHITE, Background, Color, behind
from dim_trt.pictures.encoding import encode, suffix_of
from dim_trt.pictures.files import check_format, naming, read_background, read_picture
from dim_trt.pictures.limit import DEFAULT, Limits
from dim_trt.pictures.picture import Picture, as_image, to_8_bits, turn_advice
from dim_trt.pictures.rendering import CHANNELS, Content, Look, Wanted, render
from dim_trt.trimaps.files import GIVEN, read_trimap
from dim_trt.trimaps.rules import TrimapRule

T = TypeVar("T")
R = TypeVar("R")
STAGES = 3  # reading, matting and writing go on at the same time, each of another picture


@dataclass(frozen=True)
class Rendering:
    """What is made of every picture alike."""

    alpha_depth: int = 8  # bits of alpha
    color_depth: int = 8  # bits of the pictures with colors
    background: str = WHITE  # '#rrggbb', 'checkerboard' or a file
    estimate_colors: bool = True  # else the picture's own, old background included
    srgb: bool = False  # colors are converted to sRGB; else they keep the picture's profile
    rule: TrimapRule = GIVEN  # what the second files are
    auto: Automatic | None = None  # where trimaps come from that are no files; called on several threads
    limits: Limits = DEFAULT

    def depth(self, content: Content) -> int:
        """Bits of a result's channels."""
        return self.alpha_depth if content == "alpha" else self.color_depth


@dataclass(frozen=True)
class PictureJob:
    """The files of one picture, each a path or a `StoredFile`; what is None is not written."""

    image: StrPath
    trimap: StrPath | None  # or a mask; not read where `Rendering.auto` makes it
    alpha: StrPath
    cutout: StrPath | None = None
    premultiplied: StrPath | None = None
    composite: StrPath | None = None

    def outputs(self) -> dict[Content, StrPath]:
        """What is written, by content."""
        named: dict[Content, StrPath | None] = {
            "alpha": self.alpha,
            "cutout": self.cutout,
            "premultiplied": self.premultiplied,
            "composite": self.composite,
        }
        return {content: path for content, path in named.items() if path}


@dataclass(frozen=True)
class Loaded:
    """A job's pictures in memory: `image` as `render` takes it, `img` as the engine does."""

    image: Picture
    img: NDArray[np.uint8]
    trimap: NDArray[np.uint8]


@dataclass(frozen=True)
class Outcome:
    """What came of a job: its files are written, or `error` says why not and none is."""

    job: PictureJob
    error: Error | None = None
    latency_ms: float = 0.0  # of the engine, without the wait for other pictures
    size: tuple[int, int] = (0, 0)  # (height, width)
    unknown_share: float = 0.0  # of the picture's pixels


def check_outputs(job: PictureJob, settings: Rendering) -> None:
    """Raise InvalidInput for a name whose format cannot hold what is asked for; before any work."""
    for content, path in job.outputs().items():
        check_format(path, content, channels=CHANNELS[content], depth=settings.depth(content))


def load(job: PictureJob, settings: Rendering) -> Loaded:
    """The job's pictures; raises InvalidInput where one cannot be read or they do not fit."""
    limits = settings.limits
    stored = read_picture(job.image, "image", limits)
    with naming(job.image, "image"):
        image = as_image(stored, srgb=settings.srgb)
    img = to_8_bits(image.pixels)
    if settings.auto:
        return Loaded(image, img, settings.auto.trimap(img, os.fspath(job.image)))
    if job.trimap is None:
        raise InvalidInput("trimap: expected a file, or auto in the settings, got neither")
    trimap = read_trimap(job.trimap, settings.rule, limits)
    if advice := turn_advice(trimap.shape, image.size, image.orientation):
        raise InvalidInput(f"{settings.rule.argument}: {os.fspath(job.trimap)!r}: {advice}")
    return Loaded(image, img, trimap)


class Matting:
    """One engine and one look for many jobs; from any number of threads at a time."""

    def __init__(self, engine: Engine, settings: Rendering, background: Color | Picture | None = (255, 255, 255)):
        self._engine, self._settings, self._background = engine, settings, background
        self._estimate = engine.foreground if settings.estimate_colors else None
        self._turns = threading.Semaphore(engine.max_concurrent)

    def __call__(self, job: PictureJob) -> Outcome:
        """Reads, mattes and writes; an error is in the outcome."""
        try:
            loaded = load(job, self._settings)
            return self.matte(job, loaded)
        except Error as error:
            return Outcome(job, error)
        except MemoryError:
            return Outcome(job, Error("not enough memory for a picture of this size"))

    def matte(self, job: PictureJob, loaded: Loaded) -> Outcome:
        """Mattes and writes. Raises Error."""
        run = _Timed(self._engine, self._turns)
        alpha = run(loaded.img, loaded.trimap)
        if self._settings.auto:
            alpha = self._settings.auto.refined(run, loaded.img, alpha)
        outputs = job.outputs()
        wanted: dict[Content, Wanted] = {content: (content, self._settings.depth(content)) for content in outputs}
        background: Background = (0, 0, 0)
        if job.composite:
            background = behind(self._background, loaded.image.size, loaded.image.icc_profile)
        made = render(loaded.image, alpha, Look(tuple(wanted.values()), background, self._estimate))
        files: dict[StrPath, bytes] = {}
        for content, path in outputs.items():
            with naming(path, content):
                files[path] = encode(made[wanted[content]], suffix_of(path), loaded.image.icc_profile)
        write_together({path: [data] for path, data in files.items()}, what="picture")
        known = np.count_nonzero((loaded.trimap == 0) | (loaded.trimap == 255))
        return Outcome(job, None, run.ms, loaded.image.size, 1 - known / loaded.trimap.size)


class _Timed:
    """The engine's runs for one picture, and how long they took: without the wait for those of others."""

    def __init__(self, engine: Engine, turns: threading.Semaphore):
        self._engine, self._turns, self.ms = engine, turns, 0.0

    def __call__(self, img: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[np.float32]:
        with self._turns:
            start = time.perf_counter()
            alpha = np.asarray(self._engine.submit(img, trimap).result())
            self.ms += (time.perf_counter() - start) * 1e3
        return alpha


def matte_files(
    engine: Engine, jobs: Iterable[PictureJob], settings: Rendering | None = None, *, lookahead: int | None = None
) -> Iterator[Outcome]:
    """Mattes pictures from files to files: reading, matting and writing go on at the same time.

    Args:
        engine: of plans for pictures in BGR, which is the default.
        jobs: which files belong together; pulled as they are needed.
        settings: what is made of every picture.
        lookahead: how many pictures are under way at most, each of which is in memory; None is 3, with more than one
            run of the engine at a time as many more.

    Yields:
        An outcome for each job, in their order, when its files are written; an error ends no other job. The iterator
        may be closed at any time: it pulls no more, and waits for what runs.

    Raises:
        InvalidInput: the background cannot be read, the engine takes another channel order, or lookahead is no number.
    """
    chosen = settings or Rendering()
    if engine.info["color"] != "bgr":
        raise InvalidInput("engine: expected color='bgr', as pictures are read, got an engine for 'rgb'")
    if lookahead is not None and (isinstance(lookahead, bool) or not isinstance(lookahead, int) or lookahead < 1):
        raise InvalidInput(f"lookahead: expected a whole number of pictures from 1, or None, got {lookahead!r}")
    matting = Matting(engine, chosen, read_background(chosen.background, chosen.limits))
    return in_stages(matting, jobs, lookahead or stages_of(engine))


def stages_of(engine: Engine) -> int:
    """How many pictures are under way at a time, for `in_stages`."""
    return STAGES - 1 + engine.max_concurrent


def in_stages(work: Callable[[T], R], jobs: Iterable[T], under_way: int) -> Iterator[R]:
    """What `work` makes of each job, in their order, so many at a time in threads. As `matte_files` when closed."""
    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(under_way, thread_name_prefix="dim_trt-files") as pool:
        try:
            for job in jobs:
                pending.append(pool.submit(work, job))
                if len(pending) >= under_way:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
            wait(pending)
