"""Alpha against the truth for every picture of a data set, by plans or by pictures that another tool made.

A picture's scores carry a key: the hash of everything they depend on. Resuming keeps scores and saved alphas whose key
is still right and computes the others, so a changed plan, picture or setting is noticed without being told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dim_trt.arrays import unknown_pixels
from dim_trt.engine import Engine
from dim_trt.errors import Error, InvalidInput
from dim_trt.files import StrPath, file_digest
from dim_trt.pictures.files import read_image, write_image
from dim_trt.pictures.limit import DEFAULT, Limits
from dim_trt.pictures.picture import quantize_alpha
from dim_trt.scoring.datasets import TruthFiles, alphamatting_samples, pictures
from dim_trt.scoring.metrics import measure, overlap
from dim_trt.scoring.scores import PictureScores, Scores
from dim_trt.trimaps.files import read_alpha, read_trimap

__all__ = [
    "Method",
    "TruthFiles",
    "alphamatting_samples",
    "engine_method",
    "evaluate",
    "prediction_method",
    "saving",
]

Known = Mapping[tuple[str, str], PictureScores]  # by label of the method and name of the picture

VERSION = 1  # of what the scores mean; a new one makes old results be computed again
NO_LIMITS = Limits(2**62)  # of alphas that were written here
JOURNAL = "alphas.jsonl"  # beside saved alphas: which key each of them was computed for


class Content(NamedTuple):
    """A sample's pictures: [height, width, 3] uint8 BGR, [height, width] uint8, [height, width] float32 in 0..1."""

    img: NDArray[np.uint8]
    trimap: NDArray[np.uint8]
    truth: NDArray[np.float32]


@dataclass(frozen=True)
class Method:
    """Gives alpha [height, width] float32 in 0..1 of a sample. `identity` changes when that alpha may change."""

    scores: Scores  # empty, with what describes the method
    identity: Callable[[TruthFiles], str]
    alpha: Callable[[TruthFiles, Content], NDArray[np.float32]]
    finds: bool = False  # the object itself, so that the scores say how well


def engine_method(label: str, engine: Engine) -> Method:
    """A plan; its engine takes BGR."""
    path = Path(engine.info["path"])
    digest = file_digest(path)
    if engine.info["orientations"] > 1:
        digest += f" {engine.info['orientations']} orientations"
    if engine.info["closed_form"]:
        digest += " closed form"
    scores = Scores(label, str(path), engine.info["precision"], engine.info["weights"], path.stat().st_size)
    return Method(scores, lambda _sample: digest, lambda _sample, content: engine.run(content.img, content.trimap))


def prediction_method(folder: StrPath, samples: Sequence[TruthFiles], limits: Limits = DEFAULT) -> Method:
    """The alphas in a folder, each with the name of its sample; raises InvalidInput if one is missing."""
    root = Path(folder)
    if not root.is_dir():
        raise InvalidInput(f"predictions: the folder {str(root)!r} does not exist")
    found = pictures(root)
    missing = [sample.name for sample in samples if sample.name not in found]
    if missing:
        more = f" and {len(missing) - 1} more of {len(samples)}" if len(missing) > 1 else ""
        raise InvalidInput(f"predictions: {str(root / missing[0])!r} with a suffix such as .png is missing{more}")
    return Method(
        Scores(root.name or str(root), str(root)),
        lambda sample: file_digest(found[sample.name]),
        lambda sample, content: _read_prediction(found[sample.name], content.truth.shape, limits),
    )


def saving(method: Method, folder: Path, *, depth: int, resume: bool) -> Method:
    """The method, with its alphas written to `folder`/<name>.png at `depth` bits: the rounded alpha is what counts.

    With `resume` an alpha that is there already is read instead, if it was computed from the same files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        journal = folder / JOURNAL
        if not resume:
            journal.unlink(missing_ok=True)
        done = _read_journal(journal)
    except OSError as failure:
        raise Error(f"save: cannot use the folder {str(folder)!r}: {failure.strerror}") from failure

    def identity(sample: TruthFiles) -> str:
        return f"{method.identity(sample)} {depth}"

    def note(name: str, key: str) -> None:
        try:
            with journal.open("a") as stream:
                stream.write("\n" + json.dumps([name, key]))  # a line that was cut off stays on its own
        except OSError as failure:
            raise Error(f"cannot write {str(journal)!r}: {failure.strerror}") from failure
        done[name] = key

    def alpha(sample: TruthFiles, content: Content) -> NDArray[np.float32]:
        path = folder / f"{sample.name}.png"
        key = digest(identity(sample), file_digest(sample.image), file_digest(sample.trimap))
        if done.get(sample.name) == key and path.is_file():
            return _read_prediction(path, content.truth.shape, NO_LIMITS)
        levels = quantize_alpha(method.alpha(sample, content), depth)
        if sample.name in done:
            note(sample.name, "")  # so that a picture written without its line is not taken for the old one
        write_image(path, levels, "save")
        note(sample.name, key)
        return levels.astype(np.float32) / np.float32(np.iinfo(levels.dtype).max)

    return replace(method, identity=identity, alpha=alpha)


def evaluate(
    methods: Sequence[Method],
    samples: Sequence[TruthFiles],
    area: str = "unknown",
    known: Known | None = None,
    *,
    progress: Callable[[Sequence[TruthFiles]], Any] = iter,
    after_each: Callable[[], None] = lambda: None,
    limits: Limits = DEFAULT,
) -> list[Scores]:
    """Scores of each method, in the order of methods and samples; changes of alpha are against the first method.

    Args:
        area: "unknown" or "whole", where alpha is compared with the truth.
        known: scores of an earlier run; they are kept where their key is right.
        progress: wraps the samples, for a progress bar.
        after_each: called after each picture; the methods' `scores` hold what there is.
        limits: of the samples' files.

    Raises:
        InvalidInput: a file cannot be read or does not fit, or the area is empty; the message names the picture.
    """
    for sample in progress(samples):
        try:
            keys = _keys(methods, sample, area)
            kept = [(known or {}).get((method.scores.label, sample.name)) for method in methods]
            entries = [entry for entry, key in zip(kept, keys, strict=True) if entry and entry.key == key]
            if len(entries) < len(methods):
                entries = _score(methods, sample, keys, area, limits)
        except InvalidInput as failure:
            raise InvalidInput(f"{sample.name}: {failure}") from failure
        for method, entry in zip(methods, entries, strict=True):
            method.scores.pictures.append(entry)
        after_each()
    return [method.scores for method in methods]


def read_content(sample: TruthFiles, limits: Limits = DEFAULT) -> Content:
    """The sample's pictures; raises InvalidInput, naming the file, if they cannot be read or differ in size."""
    content = Content(
        read_image(sample.image, limits=limits),
        read_trimap(sample.trimap, limits=limits),
        read_alpha(sample.truth, "truth", limits),
    )
    size = content.img.shape[:2]
    for name, array, path in (("trimap", content.trimap, sample.trimap), ("truth", content.truth, sample.truth)):
        if array.shape != size:
            raise InvalidInput(
                f"{name}: expected the size of alpha, {list(size)} as {str(sample.image)!r}, got {list(array.shape)} "
                f"in {str(path)!r}"
            )
    return content


def digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _keys(methods: Sequence[Method], sample: TruthFiles, area: str) -> list[str]:
    """Of each method; the first method's identity is in all, since changes are against it."""
    files = [file_digest(path) for path in (sample.image, sample.trimap, sample.truth)]
    identities = [method.identity(sample) for method in methods]
    return [digest(str(VERSION), area, identities[0], own, *files) for own in identities]


def _score(
    methods: Sequence[Method], sample: TruthFiles, keys: Sequence[str], area: str, limits: Limits
) -> list[PictureScores]:
    content = read_content(sample, limits)
    unknown = unknown_pixels(content.trimap)
    height, width = unknown.shape
    entries: list[PictureScores] = []
    reference: NDArray[np.float32] | None = None
    for method, key in zip(methods, keys, strict=True):
        alpha = method.alpha(sample, content)
        metrics = measure(alpha, content.truth, content.trimap, area=area)
        reference = alpha if reference is None else reference
        change = np.abs(alpha - reference)[unknown]
        changes = (float(change.max()), float(change.mean(dtype=np.float64))) if change.size else (0.0, 0.0)
        iou = overlap(alpha, content.truth) if method.finds else None
        entries.append(
            PictureScores(
                sample.name,
                key,
                height,
                width,
                change.size,
                **metrics,
                max_change=changes[0],
                mean_change=changes[1],
                iou=iou,
            )
        )
    return entries


def _read_prediction(path: Path, size: tuple[int, ...], limits: Limits) -> NDArray[np.float32]:
    alpha = read_alpha(path, "prediction", limits)
    if alpha.shape != size:
        raise InvalidInput(
            f"prediction: expected the size of the truth, {list(size)}, got {list(alpha.shape)} in {str(path)!r}"
        )
    return alpha


def _read_journal(path: Path) -> dict[str, str]:
    """Key by name; a line that was cut off counts as not there."""
    done = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            name, key = json.loads(line)
        except (ValueError, TypeError):
            continue
        done[name] = key
    return done
