"""A clip to its results: reading, looking for trimaps, matting, coloring and encoding, each on a thread of its own."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dim_trt import foreground
from dim_trt.arrays import unknown_pixels
from dim_trt.engine import Engine
from dim_trt.errors import Error
from dim_trt.pictures.picture import Levels, Picture
from dim_trt.pictures.rendering import Estimate, Look, Wanted, render
from dim_trt.streaming import stream
from dim_trt.tracking.sources import Doubts, Remembers, TrimapSource
from dim_trt.video.ahead import ahead
from dim_trt.video.reading import ClipFrame, Reader
from dim_trt.video.results import Results

U8: TypeAlias = NDArray[np.uint8]
F32: TypeAlias = NDArray[np.float32]

QUEUED = 4  # pictures behind each stage: enough to level out the times of single frames


def estimator(engine: Engine) -> Estimate:
    """On the engine's GPU; on the CPU on one thread, as all others belong to the engine."""
    if engine.info["backend"] == "cpu":
        return functools.partial(foreground.estimate, threads=1)
    return engine.foreground


class Seen(NamedTuple):
    picture: ClipFrame
    seen: Any
    trimap: U8 | None  # None: comes of the alpha before


class Matted(NamedTuple):
    picture: ClipFrame
    alpha: F32
    unknown: float  # share of the picture
    doubt: float | None  # None: the source knows of none


class Colored(NamedTuple):
    picture: ClipFrame
    alpha: F32
    levels: dict[Wanted, Levels]
    unknown: float
    doubt: float | None


def matte_clip(
    reader: Reader,
    source: TrimapSource,
    engine: Engine,
    results: Results,
    look: Look,
    *,
    progress: Callable[[int, float | None, float], object] = lambda *_: None,
) -> None:
    """Everything behind what `results` holds already.

    `progress` is called before a frame is written, with its number, doubt and unknown share; it may end the run.

    Raises:
        Error: of reading, of the source, of the engine or of writing. What was finished before stays.
    """
    needs_previous = source.needs_previous
    resumed = results.last_index
    previous = results.last_alpha() if needs_previous and resumed is not None else None
    start = 0 if resumed is None else _first_look(source, resumed, needs_previous=needs_previous)
    with ExitStack() as stack:
        results = stack.enter_context(results)

        def stage(items: Generator[Any, None, None], name: str) -> Generator[Any, None, None]:
            return stack.enter_context(closing(ahead(items, QUEUED, name)))

        pictures = stage(reader.pictures(start), "reading")
        seen = stage(_see(pictures, source, -1 if resumed is None else resumed), "trimaps")
        if needs_previous:
            matted = stage(_matte_in_turn(seen, source, engine, previous), "matting")
        else:
            matted = stage(_matte_ahead(seen, source, engine), "matting")
        for colored in stage(_color(matted, results.wanted, look), "colors"):
            progress(colored.picture.frame.index, colored.doubt, colored.unknown)
            results.add(colored.picture, colored.alpha, colored.levels)
        results.end_clip()


def _first_look(source: TrimapSource, resumed: int, *, needs_previous: bool) -> int:
    """The frame at which reading begins, to go on behind frame `resumed`."""
    if isinstance(source, Remembers):
        return min(resumed, source.first_look(resumed + 1))
    return resumed if needs_previous else resumed + 1


def _see(pictures: Iterator[ClipFrame], source: TrimapSource, resumed: int) -> Generator[Seen, None, None]:
    """Frames up to number `resumed` are matted already, and only looked at for those behind."""
    for picture in pictures:
        seen = source.look(picture.frame)
        if picture.frame.index <= resumed:
            continue
        yield Seen(picture, seen, None if source.needs_previous else source.trimap(picture.frame, seen, None))


def _matte_in_turn(
    frames: Iterator[Seen], source: TrimapSource, engine: Engine, previous: F32 | None
) -> Generator[Matted, None, None]:
    for picture, seen, known in frames:
        trimap = source.trimap(picture.frame, seen, previous) if known is None else known
        with _naming([picture]):
            alpha = engine.run(picture.frame.image, trimap)
        previous = alpha
        yield _matted(source, Seen(picture, seen, trimap), alpha)


def _matte_ahead(
    frames: Generator[Seen, None, None], source: TrimapSource, engine: Engine
) -> Generator[Matted, None, None]:
    """Trimaps do not depend on alpha, so several frames may run at a time."""
    under_way: deque[Seen] = deque()

    def pairs() -> Iterator[tuple[U8, U8]]:
        for frame in frames:
            assert frame.trimap is not None
            under_way.append(frame)
            yield frame.picture.frame.image, frame.trimap

    results = stream(engine, pairs())
    while True:
        with _naming([frame.picture for frame in under_way]):
            found = next(results, None)
        if found is None:
            return
        yield _matted(source, under_way.popleft(), found[1])


def _matted(source: TrimapSource, frame: Seen, alpha: F32) -> Matted:
    """With what there is to say of a frame whose trimap is known."""
    picture, seen, trimap = frame
    assert trimap is not None
    doubt = source.doubt(seen, trimap, alpha) if isinstance(source, Doubts) else None
    return Matted(picture, alpha, np.count_nonzero(unknown_pixels(trimap)) / trimap.size, doubt)


@contextmanager
def _naming(pictures: Sequence[ClipFrame]) -> Iterator[None]:
    """The engine's errors name the frame, which is then the first of `pictures`."""
    try:
        yield
    except Error as failure:
        if not pictures:  # an error of what comes before the engine
            raise
        raise type(failure)(f"frame {pictures[0].frame.index}: {failure}") from failure


def _color(mattes: Iterator[Matted], wanted: set[Wanted], look: Look) -> Generator[Colored, None, None]:
    """`look` says how, the results what."""
    chosen = replace(look, wanted=tuple(wanted))
    for picture, alpha, unknown, doubt in mattes:
        yield Colored(picture, alpha, render(Picture(picture.frame.image), alpha, chosen), unknown, doubt)
