"""One clip from what the command line says to its results."""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Collection, Generator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
from tqdm import tqdm

from dim_trt import _core, trimaps
from dim_trt.capabilities import capabilities
from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput
from dim_trt.pictures.composite import CHECKERBOARD, Background, behind, parse_color
from dim_trt.pictures.files import read_background
from dim_trt.pictures.folders import PICTURES
from dim_trt.pictures.limit import DEFAULT, Limits
from dim_trt.pictures.rendering import Content, Look
from dim_trt.places import Named, check_places
from dim_trt.plans.cache import shipped_plan
from dim_trt.tracking.backwards import Reread
from dim_trt.tracking.files import paths_by_frame
from dim_trt.tracking.key_frames import AtCut, KeyFrames
from dim_trt.tracking.sources import (
    ConstantTrimap,
    Counted,
    Frame,
    TrimapFolder,
    TrimapSource,
    TrimapVideo,
)
from dim_trt.tracking.steady import Steady, with_motion
from dim_trt.trimaps.files import GIVEN, read_trimap
from dim_trt.version import __version__
from dim_trt.video.decoding import STANDARD_INPUT, RawFrames
from dim_trt.video.formats import PNG, STANDARD_OUTPUT, choose
from dim_trt.video.pipeline import estimator, matte_clip
from dim_trt.video.reading import Clip, Unreadable, VideoReader
from dim_trt.video.results import Output, Results, prepare_folder
from dim_trt.video.segments import FRAMES, Segments, digest, fingerprint

LOGGER = logging.getLogger("dim_trt")


@dataclass(frozen=True)
class ClipJob:
    """What `python -m dim_trt.video` takes; see its help."""

    source: str
    known: Path  # trimap or mask, or a folder or video of them
    results: Mapping[Content, str]
    rule: trimaps.TrimapRule = GIVEN
    fixed: bool = False
    key_frames: bool = False
    at_cut: AtCut = "stop"
    steady: float = 0.0
    raw: RawFrames | None = None
    unreadable: Unreadable = "stop"
    background: str = "#ffffff"
    estimate_colors: bool = True
    alpha_depth: int = 8
    color_depth: int = 8
    audio: bool = True
    segment_frames: int = FRAMES
    restart: bool = False
    plan: Path | None = None
    precision: str = "fp32"
    device: str = "auto"
    threads: int | None = None
    memory_limit_mb: int | None = None
    limits: Limits = DEFAULT

    def depth(self, content: Content) -> int:
        """Bits of a result's channels."""
        return self.alpha_depth if content == "alpha" else self.color_depth


def run(job: ClipJob) -> str:
    """Writes the results; a line that says what was done."""
    outputs = [
        Output(content, Path(path), choose(path, content, job.depth(content))) for content, path in job.results.items()
    ]
    _check_places(job, outputs)
    with ExitStack() as stack:
        source = stack.enter_context(closing(trimap_source(job)))
        reader = stack.enter_context(closing(VideoReader(job.source, raw=job.raw, unreadable=job.unreadable)))
        plan = job.plan or shipped_plan(job.precision, job.device)
        engine = stack.enter_context(load_engine(plan, job))
        segments = _segments(job, outputs, plan)
        for output in outputs:
            if output.form.codec == PNG:
                prepare_folder(output.path, is_resumed=bool(segments and segments.finished))
        results = Results(outputs, reader.clip, segments, job.segment_frames)
        before, start = segments.frame_count if segments else 0, time.perf_counter()
        if not (segments and segments.is_complete):
            with tqdm(total=reader.clip.frame_count, initial=before, unit="frame", disable=None, leave=False) as bar:
                look = _look(job, reader.clip, engine)
                steady = Steady(job.steady) if job.steady else None
                watched = with_motion(source) if steady else source
                matte_clip(reader, watched, engine, results, look, steady=steady, progress=bar.update)
        seconds = time.perf_counter() - start
        results.join(Path(job.source) if job.audio and job.source != STANDARD_INPUT else None)
        count = results.frame_count
        if isinstance(source, Counted) and results.last_index is not None:
            source.check_count(results.last_index + 1)  # the results are there; but they may not be what was meant
    resumed = f", {before} of them from before" if before else ""
    info, (height, width) = engine.info, reader.clip.size
    return (
        f"{', '.join(job.results.values())}  {width}x{height} px  {count} frames{resumed}  "
        f"{(count - before) / seconds:.1f} frames/s  "
        f"({info['device']}, {info['precision']}, {info['isa'] or info['gpu_name']}, {info['threads']} threads)"
    )


def load_engine(plan: Path, job: ClipJob) -> Engine:
    """On the CPU one core is left for reading and writing, unless `threads` says otherwise."""
    cores: int = capabilities()["cpu"]["threads"]
    on_cpu = json.loads(_core.read_plan_header(str(plan)))["backend"] == "cpu"
    threads = cores - 1 if on_cpu and job.threads is None and cores > 2 else job.threads
    return Engine(plan, job.device, threads, memory_limit_mb=job.memory_limit_mb, max_pixels=job.limits.max_pixels)


def trimap_source(job: ClipJob) -> TrimapSource:
    """The source that the arguments mean.

    Raises:
        InvalidInput: they do not go together, or something cannot be read.
    """
    rule = job.rule
    if job.fixed:
        if not _is_picture(job.known):
            raise InvalidInput(f"{rule.argument}: {str(job.known)!r}: --fixed goes with one picture for all frames")
        return ConstantTrimap(read_trimap(job.known, rule, job.limits))
    if carried := _carried(job):
        keys = {index: read_trimap(path, rule, job.limits) for index, path in carried.items()}
        return KeyFrames(keys, at_cut=job.at_cut, reread=_reread(job, keys))
    if job.known.is_dir():
        return TrimapFolder(job.known, rule=rule, limits=job.limits)
    return TrimapVideo(job.known, rule=None if rule == GIVEN else rule)


def _carried(job: ClipJob) -> dict[int, Path]:
    """The pictures of key frames, by frame; none where each frame has one of its own."""
    if job.key_frames:
        return paths_by_frame(job.known, "number")
    return {0: job.known} if _is_picture(job.known) and not job.fixed else {}


def _reread(job: ClipJob, keys: Collection[int]) -> Reread | None:
    """The clip's frames once more, for trimaps that are carried backwards; None where they cannot or need not be."""
    if set(keys) == {0}:
        return None
    if not Path(job.source).is_file():
        LOGGER.warning("a pipe cannot be read twice: trimaps are carried forwards only")
        return None

    def frames(start: int) -> Generator[Frame, None, None]:
        with closing(VideoReader(job.source, unreadable=job.unreadable)) as reader:
            for picture in reader.pictures(start):
                yield picture.frame

    return frames


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and not path.is_dir()


def _look(job: ClipJob, clip: Clip, engine: Engine) -> Look:
    background: Background = (0, 0, 0)
    if "composite" in job.results:
        background = behind(read_background(job.background, job.limits), clip.size)
    return Look(background=background, estimate=estimator(engine) if job.estimate_colors else None)


def _segments(job: ClipJob, outputs: list[Output], plan: Path) -> Segments | None:
    """The folder beside the first result; None where all there is goes to a pipe."""
    files = [output for output in outputs if str(output.path) != STANDARD_OUTPUT]
    if not files:
        return None
    folder = files[0].path.with_name(f"{files[0].path.name}.parts")
    if job.restart:
        Segments.discard(folder)
    return Segments(folder, _asked(job, outputs, plan))


def _asked(job: ClipJob, outputs: list[Output], plan: Path) -> dict[str, Any]:
    """Whatever decides the bits of the results, by names that a message can use.

    What to do at cuts is not among it: a run that stopped at one may go on with another choice.
    """
    background = job.background
    if not background.startswith("#") and background != CHECKERBOARD:
        background = str(fingerprint(Path(background)))
    settings, carried = asdict(job), _carried(job)
    kept = (
        "fixed",
        "steady",
        "unreadable",
        "estimate_colors",
        "alpha_depth",
        "color_depth",
        "segment_frames",
    )
    return {
        "video": secrets.token_hex(8) if job.source == STANDARD_INPUT else fingerprint(Path(job.source)),
        "rule": [type(job.rule).__name__, settings["rule"]],
        "trimap": {} if carried else fingerprint(job.known),
        "key frames": {str(index): digest(path) for index, path in carried.items()},
        "plan": fingerprint(plan),
        "results": {output.content: [str(output.path.resolve()), asdict(output.form)] for output in outputs},
        "background": background,
        **{name.replace("_", " "): settings[name] for name in kept},
        "version": [__version__, av.__version__, str(av.library_versions)],
    }


def _check_places(job: ClipJob, outputs: list[Output]) -> None:
    """Raises where a result would replace another one or what it is made of; or has no folder."""
    files = [output for output in outputs if str(output.path) != STANDARD_OUTPUT]
    inputs: list[Named] = [("video", job.source), (job.rule.argument, job.known), ("background", job.background)]
    if job.plan:
        inputs.append(("plan", job.plan))
    if job.known.is_dir():
        inputs += [(job.rule.argument, path) for path in job.known.iterdir()]
    check_places([(o.content, o.path) for o in files if o.form.codec != PNG], inputs)
    for output in files:
        place = os.fspath(output.path)
        if not output.path.resolve().parent.is_dir():
            raise InvalidInput(f"{output.content}: {place!r}: the folder does not exist")
        if output.path.is_dir() and job.known.is_dir() and output.path.samefile(job.known):
            raise InvalidInput(f"{output.content}: {place!r}: expected another folder than the one that is read")
    folders = [output.path.resolve() for output in files if output.form.codec == PNG]
    if len(set(folders)) < len(folders):
        raise InvalidInput("output: expected a folder of its own for each kind of result")
    if "composite" in job.results and job.background.startswith("#"):
        parse_color(job.background)
