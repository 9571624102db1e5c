"""What methods reached on pictures: means with their n, as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath, write_atomic
from dim_trt.scoring.metrics import AREAS, METRICS, UNITS

SHORT = {"sad": "SAD", "mse": "MSE", "mad": "MAD", "gradient": "Grad", "connectivity": "Conn"}
DIGITS = {"sad": 3, "mse": 5, "mad": 5, "gradient": 3, "connectivity": 3}
CHANGE = "|alpha - alpha of the first plan|, unknown region"


@dataclass(frozen=True)
class PictureScores:
    """One picture by one method.

    key: a hash of all that the scores depend on. max_change, mean_change: of alpha against the first method's, over the
    unknown pixels. iou: of alpha and truth at 0.5, over the whole picture; of methods that find the object themselves.
    """

    name: str
    key: str
    height_px: int
    width_px: int
    unknown_px: int
    sad: float
    mse: float
    mad: float
    gradient: float
    connectivity: float
    max_change: float
    mean_change: float
    iou: float | None = None


@dataclass
class Scores:
    """One method: a plan, or pictures that another tool made (`precision`, `weights` and `plan_bytes` are None
    then)."""

    label: str
    plan: str
    precision: str | None = None
    weights: str | None = None
    plan_bytes: int | None = None
    pictures: list[PictureScores] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Means over the pictures, and n; `mean_change` is over all unknown pixels."""
        unknown_px = sum(p.unknown_px for p in self.pictures)
        found = [p.iou for p in self.pictures if p.iou is not None]
        return {
            "n": len(self.pictures),
            **{name: float(np.mean([getattr(p, name) for p in self.pictures])) for name in METRICS},
            "max_change": max(p.max_change for p in self.pictures),
            "mean_change": sum(p.mean_change * p.unknown_px for p in self.pictures) / max(unknown_px, 1),
            "iou": float(np.mean(found)) if found else None,
        }

    def worst(self, metric: str = "sad") -> list[PictureScores]:
        """Largest error first; equal ones by name."""
        return sorted(self.pictures, key=lambda p: (-getattr(p, metric), p.name))


def format_table(table: Sequence[Scores], area: str, *, metric: str = "sad", count: int | None = None) -> str:
    """The worst `count` pictures of each method (None: all), the means with their n, and how alpha changes."""
    units = [f"{SHORT[name]} = {UNITS[name]}" for name in METRICS]
    lines = [f"{AREAS[area]}; {', '.join(units[:3])}", *units[3:]]
    for scores in table:
        shown = scores.worst(metric)[:count]
        width = max(16, *(len(p.name) for p in shown)) if shown else 16
        order = f"worst {SHORT[metric]} first" + (f", {len(shown)} of {len(scores.pictures)} pictures" if shown else "")
        lines += ["", f"{scores.label}: {order}"]
        finds = any(p.iou is not None for p in scores.pictures)
        lines.append(
            f"{'picture':{width}}{'unknown px':>12}"
            + "".join(f"{SHORT[name]:>11}" for name in METRICS)
            + ("        IoU" if finds else "")
        )
        lines += [f"{p.name:{width}}{p.unknown_px:12d}{_figures(asdict(p))}{_iou(p.iou)}" for p in shown]
        summary = scores.summary()
        n = f"mean (n={summary['n']})"
        lines.append(f"{n:{width}}{'':12}{_figures(summary)}{_iou(summary['iou'])}")
    return "\n".join(lines + (_changes(table) if len(table) > 1 else []))


def _figures(values: dict[str, Any]) -> str:
    return "".join(f"{values[name]:11.{DIGITS[name]}f}" for name in METRICS)


def _iou(value: float | None) -> str:
    return "" if value is None else f"{value:11.3f}"


def _changes(table: Sequence[Scores]) -> list[str]:
    """How far each method's alpha is from the first one's."""
    first = table[0].summary()
    lines = ["", f"change of alpha against {table[0].label}, unknown region, n={first['n']}"]
    lines.append(f"{'plan':24}{'MB':>8}{'ΔSAD':>10}{'max abs':>10}{'mean abs':>12}")
    for scores in table:
        summary = scores.summary()
        size = "" if scores.plan_bytes is None else f"{scores.plan_bytes / 1e6:.2f}"
        lines.append(
            f"{scores.label:24}{size:>8}{summary['sad'] - first['sad']:+10.3f}{summary['max_change']:10.4f}"
            f"{summary['mean_change']:12.6f}"
        )
    return lines


def write_json(path: StrPath, table: Sequence[Scores], **settings: Any) -> None:
    """Everything, for other programs and for resuming; `settings` are written beside it."""
    plans = [
        {
            "label": scores.label,
            "plan": scores.plan,
            "precision": scores.precision,
            "weights": scores.weights,
            "plan_bytes": scores.plan_bytes,
            "mean": scores.summary(),
            "images": [asdict(picture) for picture in scores.pictures],
        }
        for scores in table
        if scores.pictures
    ]
    document = {**settings, "units": {**UNITS, "change": CHANGE}, "plans": plans}
    write_atomic(path, [json.dumps(document, indent=1).encode() + b"\n"], what="json")


def read_json(path: StrPath) -> dict[tuple[str, str], PictureScores]:
    """What `write_json` wrote, by (label, name); empty without such a file. Raises InvalidInput for another's file."""
    try:
        document = json.loads(Path(path).read_bytes())
        entries = [(plan["label"], PictureScores(**entry)) for plan in document["plans"] for entry in plan["images"]]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise InvalidInput(
            f"json: {str(path)!r} cannot be resumed, this version did not write it; remove it or leave out --resume"
        ) from failure
    return {(label, entry.name): entry for label, entry in entries}


def write_csv(path: StrPath, table: Sequence[Scores]) -> None:
    """One line for each method and picture, in the order of the table and then by name."""
    text = io.StringIO()
    columns = [name for name in PictureScores.__dataclass_fields__ if name != "key"]
    writer = csv.DictWriter(text, ["label", *columns], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for scores in table:
        writer.writerows({"label": scores.label, **asdict(picture)} for picture in scores.pictures)
    write_atomic(path, [text.getvalue().encode(errors="surrogateescape")], what="csv")
