"""What a run reads: the clip, and where its trimaps come from."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection, Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from dim_trt.errors import InvalidInput
from dim_trt.masks.automatic import Automatic
from dim_trt.masks.opening import open_source
from dim_trt.pictures.folders import PICTURES
from dim_trt.tracking.backwards import Reread
from dim_trt.tracking.files import paths_by_frame
from dim_trt.tracking.key_frames import KeyFrames
from dim_trt.tracking.mask_frames import MaskFrames
from dim_trt.tracking.sources import ConstantTrimap, Frame, TrimapFolder, TrimapSource, TrimapVideo
from dim_trt.trimaps.files import GIVEN, read_trimap
from dim_trt.video.clip_job import ClipJob
from dim_trt.video.decoding import STANDARD_INPUT
from dim_trt.video.reading import Reader, VideoReader
from dim_trt.video.segments import fingerprint, fingerprint_of
from dim_trt.video.sequences import PictureReader, is_sequence, list_sequence

LOGGER = logging.getLogger("dim_trt")


def open_reader(job: ClipJob) -> Reader:
    """The clip, whatever it is."""
    if job.source != STANDARD_INPUT and is_sequence(job.source):
        return PictureReader(job.source, rate=job.rate, unreadable=job.unreadable)
    return VideoReader(job.source, raw=job.raw, unreadable=job.unreadable)


def clip_fingerprint(source: str) -> Any:
    """What changes when the clip does."""
    if source == STANDARD_INPUT:
        return secrets.token_hex(8)
    return fingerprint_of(list_sequence(source)) if is_sequence(source) else fingerprint(Path(source))


def trimap_source(job: ClipJob) -> TrimapSource:
    """The source that the arguments mean.

    Raises:
        InvalidInput: they do not go together, or something cannot be read.
        BackendUnavailable: what the source of masks needs is not installed.
    """
    rule = job.rule
    if job.auto:
        source = open_source(job.auto, size=job.auto_size, normalization=job.auto_norm)
        return MaskFrames(Automatic(source, job.auto_largest))
    if job.known is None:
        raise InvalidInput("trimap: expected a trimap, a mask or a source of masks, got none")
    if job.fixed:
        if not _is_picture(job.known):
            raise InvalidInput(f"{rule.argument}: {str(job.known)!r}: --fixed goes with one picture for all frames")
        return ConstantTrimap(read_trimap(job.known, rule, job.limits))
    if pictures := carried(job):
        keys = {index: read_trimap(path, rule, job.limits) for index, path in pictures.items()}
        return KeyFrames(keys, at_cut=job.at_cut, reread=_reread(job, keys))
    if job.known.is_dir():
        return TrimapFolder(job.known, rule=rule, limits=job.limits)
    return TrimapVideo(job.known, rule=None if rule == GIVEN else rule)


def carried(job: ClipJob) -> dict[int, Path]:
    """The pictures of key frames, by frame; none where each frame has one of its own."""
    if job.key_frames and job.known:
        return paths_by_frame(job.known, "number")
    return {0: job.known} if job.known and _is_picture(job.known) and not job.fixed else {}


def _reread(job: ClipJob, keys: Collection[int]) -> Reread | None:
    """The clip's frames once more, for trimaps that are carried backwards; None where they cannot or need not be."""
    if set(keys) == {0}:
        return None
    if not (Path(job.source).is_file() or is_sequence(job.source)):
        LOGGER.warning("a pipe cannot be read twice: trimaps are carried forwards only")
        return None

    def frames(start: int) -> Generator[Frame, None, None]:
        with closing(open_reader(job)) as reader:
            for picture in reader.pictures(start):
                yield picture.frame

    return frames


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and not path.is_dir()
