"""The clip that speed is measured with, a drawn object that moves over its background, and the pipeline around it."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

import dim_trt
from dim_trt.pictures.rendering import Content, Look
from dim_trt.tracking.sources import TrimapSource
from dim_trt.video.formats import choose
from dim_trt.video.pipeline import estimator, matte_clip
from dim_trt.video.reading import Clip, VideoReader
from dim_trt.video.results import Output, Results
from dim_trt.video.segments import Segments
from training.data.preprocess import UNKNOWN
from training.scenes.drawing import draw_scene
from training.scenes.textures import Size

U8 = NDArray[np.uint8]
CONTENTS: dict[str, Content] = {"cutout": "cutout", "over": "composite", "alpha": "alpha"}
SEED, FAMILY = 3, "hair"
PAN_PX = 2  # a frame
FILLING = 12  # frames until all stages have work

Tick: TypeAlias = Callable[..., object]


def draw(sides: tuple[int, int], count: int) -> tuple[list[U8], list[U8]]:
    """Pictures [height, width, 3] BGR and trimaps of a scene that goes sideways."""
    rng = np.random.default_rng(SEED)
    drawn = (draw_scene(rng, Size(*sides), FAMILY) for _ in itertools.count())
    scene = next(scene for scene in drawn if (scene.trimap != UNKNOWN).any())  # a small one may be unknown all over
    picture = np.ascontiguousarray(scene.image[:, :, ::-1])
    moved = [(np.roll(picture, PAN_PX * i, 1), np.roll(scene.trimap, PAN_PX * i, 1)) for i in range(count)]
    return [picture for picture, _ in moved], [trimap for _, trimap in moved]


def encode(path: Path, pictures: Sequence[U8]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast", "crf": "18"})
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = pictures[0].shape[:2]
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def results_in(folder: Path, result: str, clip: Clip) -> Results:
    """One result, of the kind that its name says, in segments in the folder."""
    content = CONTENTS[Path(result).stem]
    output = Output(content, folder / result, choose(result, content))
    return Results([output], clip, Segments(folder / "parts", {}))


def whole(engine: dim_trt.Engine, clip: Path, source: TrimapSource, result: str, tick: Tick) -> None:
    """The clip through the pipeline, with its result in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        reader = VideoReader(str(clip))
        results = results_in(Path(folder), result, reader.clip)
        matte_clip(reader, source, engine, results, Look(estimate=estimator(engine)), progress=tick)
        reader.close()


def timed(run: Callable[[Tick], None]) -> tuple[float, float]:
    """(frames a second, milliseconds of processor time a frame), once the first frames are through."""
    clock: list[float] = []
    processor: list[float] = []

    def tick(*_: object) -> None:
        clock.append(time.perf_counter())
        processor.append(time.process_time())

    run(tick)
    count = len(clock) - FILLING
    return count / (clock[-1] - clock[FILLING - 1]), (processor[-1] - processor[FILLING - 1]) * 1e3 / count
