"""Alpha against ground truth on a folder in the layout of alphamatting.com, for one or several plans."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath, write_atomic
from dim_trt.images import read_alpha, read_image, read_trimap
from dim_trt.metrics import mse, sad, unknown_pixels

REGION = "unknown"
UNITS = {"sad": "sum of |alpha - truth| / 1000", "mse": "mean of (alpha - truth)^2", "change": "|alpha - first|"}


@dataclass(frozen=True)
class Sample:
    """The three files of one picture."""

    name: str
    image: Path
    trimap: Path
    truth: Path


@dataclass
class Scores:
    """What one plan reached; lists run over the pictures. `max_change` and `mean_change` are against the first plan."""

    label: str
    plan: str
    precision: str
    plan_bytes: int
    images: list[str] = field(default_factory=list)
    unknown_px: list[int] = field(default_factory=list)
    sad: list[float] = field(default_factory=list)
    mse: list[float] = field(default_factory=list)
    max_change: list[float] = field(default_factory=list)
    change_sum: float = 0.0

    def summary(self) -> dict[str, Any]:
        return {
            "n": len(self.images),
            "sad": float(np.mean(self.sad)),
            "mse": float(np.mean(self.mse)),
            "max_change": max(self.max_change),
            "mean_change": self.change_sum / sum(self.unknown_px),
        }


def alphamatting_samples(folder: StrPath, trimap_set: str) -> list[Sample]:
    """One sample for every picture in gt/; raises InvalidInput if a file is missing."""
    root = Path(folder)
    truths = sorted((root / "gt").glob("*.png"))
    if not truths:
        raise InvalidInput(
            f"alphamatting: expected {os.fspath(root)!r} to hold input/, {trimap_set}/ and gt/ with .png files, "
            "got no gt/*.png"
        )
    samples = [Sample(t.stem, root / "input" / t.name, root / trimap_set / t.name, t) for t in truths]
    for sample in samples:
        for path in (sample.image, sample.trimap):
            if not path.is_file():
                raise InvalidInput(f"alphamatting: {str(path)!r} is missing; every picture in gt/ needs it")
    return samples


def evaluate(
    engines: dict[str, Engine], samples: Sequence[Sample], progress: Callable[[Sequence[Sample]], Any] = iter
) -> list[Scores]:
    """Scores of each engine (keys are labels) over the unknown region; the first engine is what changes refer to."""
    table = []
    for label, engine in engines.items():
        path = engine.info["path"]
        table.append(Scores(label, path, engine.info["precision"], Path(path).stat().st_size))
    for sample in progress(samples):
        try:
            _score(sample, list(zip(table, engines.values(), strict=True)))
        except InvalidInput as failure:
            raise InvalidInput(f"{sample.name}: {failure}") from failure
    return table


def _score(sample: Sample, pairs: list[tuple[Scores, Engine]]) -> None:
    """Append one picture to every plan's scores."""
    img, trimap, truth = read_image(sample.image), read_trimap(sample.trimap), read_alpha(sample.truth, "truth")
    reference: NDArray[np.float32] | None = None
    for scores, engine in pairs:
        alpha = engine.run(img, trimap)
        reference = alpha if reference is None else reference
        scores.sad.append(sad(alpha, truth, trimap, region=REGION))
        scores.mse.append(mse(alpha, truth, trimap, region=REGION))
        change = np.abs(alpha - reference)[unknown_pixels(trimap)]
        scores.images.append(sample.name)
        scores.unknown_px.append(change.size)
        scores.max_change.append(float(change.max()))
        scores.change_sum += float(change.sum(dtype=np.float64))


def format_table(table: Sequence[Scores]) -> str:
    """Per picture, the mean with its n, and with several plans how far each is from the first."""
    first = table[0]
    columns = "  ".join(f"{scores.label:>16}" for scores in table)
    lines = [
        f"unknown region; SAD = {UNITS['sad']}, MSE = {UNITS['mse']}",
        f"{'':12}{'unknown':>10}  {columns}",
        f"{'picture':12}{'px':>10}  " + "  ".join(f"{'SAD':>8}{'MSE':>8}" for _ in table),
    ]
    for i, name in enumerate(first.images):
        values = "  ".join(f"{scores.sad[i]:8.2f}{scores.mse[i]:8.4f}" for scores in table)
        lines.append(f"{name:12}{first.unknown_px[i]:10d}  {values}")
    means = "  ".join(f"{s['sad']:8.2f}{s['mse']:8.4f}" for s in (scores.summary() for scores in table))
    lines.append(f"{f'mean (n={len(first.images)})':12}{'':10}  {means}")
    if len(table) > 1:
        lines += ["", f"change of alpha against {first.label}, unknown region"]
        lines.append(f"{'plan':24}{'MB':>8}{'ΔSAD':>10}{'max abs':>10}{'mean abs':>12}")
        for scores in table:
            summary = scores.summary()
            delta = summary["sad"] - first.summary()["sad"]
            lines.append(
                f"{scores.label:24}{scores.plan_bytes / 1e6:8.2f}{delta:+10.3f}{summary['max_change']:10.4f}"
                f"{summary['mean_change']:12.6f}"
            )
    return "\n".join(lines)


def write_json(path: StrPath, table: Sequence[Scores], trimap_set: str) -> None:
    """Everything in the table, for other programs."""
    plans = [
        {
            "label": scores.label,
            "plan": scores.plan,
            "precision": scores.precision,
            "plan_bytes": scores.plan_bytes,
            "mean": scores.summary(),
            "images": [
                {"name": name, "unknown_px": px, "sad": s, "mse": m, "max_change": c}
                for name, px, s, m, c in zip(
                    scores.images, scores.unknown_px, scores.sad, scores.mse, scores.max_change, strict=True
                )
            ],
        }
        for scores in table
    ]
    document = {"region": REGION, "units": UNITS, "trimap_set": trimap_set, "plans": plans}
    write_atomic(path, [json.dumps(document, indent=1).encode() + b"\n"], what="json")
