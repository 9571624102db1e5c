"""One clip from what the command line says to its results."""

from __future__ import annotations

import logging
import os
import time
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import av
from tqdm import tqdm

from dim_trt.capabilities import capabilities
from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput
from dim_trt.masks.opening import source_identity
from dim_trt.pictures.composite import CHECKERBOARD, Background, behind, parse_color
from dim_trt.pictures.files import read_background
from dim_trt.pictures.rendering import Look
from dim_trt.places import Named, check_places
from dim_trt.plans.cache import shipped_plan
from dim_trt.plans.header import is_for_gpu
from dim_trt.precisions import what_runs
from dim_trt.tracking.sources import Counted
from dim_trt.version import __version__
from dim_trt.video.clip_job import HARMLESS, NAMED_BY_CONTENT, ClipJob
from dim_trt.video.decoding import STANDARD_INPUT
from dim_trt.video.formats import PNG, STANDARD_OUTPUT, choose
from dim_trt.video.inputs import carried, clip_fingerprint, open_reader, trimap_source
from dim_trt.video.joining import rehearse
from dim_trt.video.pipeline import estimator, matte_clip
from dim_trt.video.reading import Clip, Reader
from dim_trt.video.report import Report
from dim_trt.video.results import Output, Results, prepare_folder
from dim_trt.video.segments import Segments, digest, fingerprint
from dim_trt.video.sequences import is_sequence
from dim_trt.video.sound_plan import Track, plan_sound

LOGGER = logging.getLogger("dim_trt")


def run(job: ClipJob) -> str:
    """Writes the results; a line that says what was done."""
    outputs = [
        Output(content, Path(path), choose(path, content, job.depth(content))) for content, path in job.results.items()
    ]
    _check_places(job, outputs)
    with ExitStack() as stack:
        source = stack.enter_context(closing(trimap_source(job)))
        reader = stack.enter_context(closing(open_reader(job)))
        _pass_on(reader)
        file = None if job.source == STANDARD_INPUT or is_sequence(job.source) else Path(job.source)
        outputs = [_prepared(output, reader.clip, file, has_sound=job.audio) for output in outputs]
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
                report = stack.enter_context(
                    Report(job.report, results.last_index, stop=job.stop_when_lost, masks=bool(job.auto))
                )

                def progress(index: int, doubt: float | None, unknown: float) -> None:
                    report.note(index, doubt, unknown)
                    bar.set_postfix_str(report.line, refresh=False)
                    bar.update()

                matte_clip(reader, source, engine, results, look, progress=progress)
                _pass_on(reader)
        seconds = time.perf_counter() - start
        results.join(file)
        count = results.frame_count
        if isinstance(source, Counted) and results.last_index is not None:
            source.check_count(results.last_index + 1)  # the results are there; but they may not be what was meant
    resumed = f", {before} of them from before" if before else ""
    info, (height, width) = engine.info, reader.clip.size
    return (
        f"{', '.join(job.results.values())}  {width}x{height} px  {count} frames{resumed}  "
        f"{(count - before) / seconds:.1f} frames/s  "
        f"({what_runs(info)})"
    )


def _prepared(output: Output, clip: Clip, source: Path | None, *, has_sound: bool) -> Output:
    """With its sound planned; raises Error where something of it could not be written."""
    if not output.form.is_video:
        return output
    tracks: list[Track] = []
    if source is not None and has_sound and output.content != "alpha":
        tracks = plan_sound(source, output.form, clip.origin * clip.time_base)
    rehearse(output.form, clip, source, tracks)
    return replace(output, tracks=tracks)


def _pass_on(reader: Reader) -> None:
    """What the reader remarked, as warnings, once."""
    while reader.remarks:
        LOGGER.warning("%s", reader.remarks.pop(0))


def load_engine(plan: Path, job: ClipJob) -> Engine:
    """On the CPU one core is left for reading and writing, unless `threads` says otherwise."""
    cores: int = capabilities()["cpu"]["threads"]
    on_cpu = not is_for_gpu(plan)
    threads = cores - 1 if on_cpu and job.threads is None and cores > 2 else job.threads
    return Engine(
        plan,
        job.device,
        threads,
        memory_limit_mb=job.memory_limit_mb,
        max_pixels=job.limits.max_pixels,
        orientations=job.orientations,
        closed_form=job.closed_form,
    )


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

    A setting counts unless `clip_job` says that it is harmless.
    """
    background = job.background
    if not background.startswith("#") and background != CHECKERBOARD:
        background = str(fingerprint(Path(background)))
    keys = carried(job)
    everything = asdict(job)
    settings = {name: value for name, value in everything.items() if name not in HARMLESS | NAMED_BY_CONTENT}
    return {
        "video": clip_fingerprint(job.source),
        "rule": [type(job.rule).__name__, everything["rule"]],
        "trimap": {} if keys or job.known is None else fingerprint(job.known),
        "network": source_identity(job.auto) if job.auto else None,
        "key frames": {str(index): digest(path) for index, path in keys.items()},
        "plan": fingerprint(plan),
        "results": {output.content: [str(output.path.resolve()), asdict(output.form)] for output in outputs},
        "background": background,
        **{name.replace("_", " "): str(value) for name, value in settings.items()},
        "version": [__version__, av.__version__, str(av.library_versions)],
    }


def _check_places(job: ClipJob, outputs: list[Output]) -> None:
    """Raises InvalidInput where a result would replace another one or what it is made of; or has no folder."""
    files = [output for output in outputs if str(output.path) != STANDARD_OUTPUT]
    inputs: list[Named] = [("video", job.source), ("background", job.background)]
    inputs += [(job.rule.argument, job.known)] if job.known else []
    inputs += [("auto", job.auto)] if job.auto else []
    if job.plan:
        inputs.append(("plan", job.plan))
    if job.known and job.known.is_dir():
        inputs += [(job.rule.argument, path) for path in job.known.iterdir()]
    written: list[Named] = [(output.content, output.path) for output in files if output.form.codec != PNG]
    if job.report:
        written.append(("report", job.report))
    check_places(written, inputs)
    for output in files:
        place = os.fspath(output.path)
        if not output.form.is_video and output.path.is_file():
            raise InvalidInput(f"{output.content}: {place!r} is a file; without suffix the result is a folder")
        if not output.path.resolve().parent.is_dir():
            raise InvalidInput(f"{output.content}: {place!r}: the folder does not exist")
        if output.path.is_dir() and job.known and job.known.is_dir() and output.path.samefile(job.known):
            raise InvalidInput(f"{output.content}: {place!r}: expected another folder than the one that is read")
    folders = [output.path.resolve() for output in files if output.form.codec == PNG]
    if len(set(folders)) < len(folders):
        raise InvalidInput("output: expected a folder of its own for each kind of result")
    if "composite" in job.results and job.background.startswith("#"):
        parse_color(job.background)
