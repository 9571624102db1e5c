"""What a trimap or mask means: one rule, which commands, clips and engines share.

    rule = MaskRule(erode="1%", dilate="2%")
    trimap = rule.trimap(picture, "mask.png")

A rule takes what a file holds, says in one sentence what it refuses, and logs what looks wrong or was read in a way
that is not plain. `validate` lists the same findings.
"""

from __future__ import annotations

import logging
import shlex
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.trimaps.findings import Finding, found_at
from dim_trt.trimaps.levels import Asked, Levels, levels_of
from dim_trt.trimaps.making import DILATE, ERODE, HIGH, LOW, Radius, Trimap, banded, check_bounds, radius_px, three

LOGGER = logging.getLogger("dim_trt")
NOISE = 16  # of 255: so near to black or white, a value is meant to be that
OF_ONE = frozenset({"one-value"})  # findings about a picture by itself that mean nothing in a clip


@dataclass(frozen=True)
class Examined:
    """The trimap, None where it is refused, and what was found."""

    trimap: Trimap | None
    findings: tuple[Finding, ...]


class TrimapRule(ABC):
    """How a trimap is read off a picture."""

    argument: ClassVar[str]
    """What the picture is called in messages and on the command line: trimap or mask."""

    @abstractmethod
    def of_levels(self, levels: Levels, file: str | None = None) -> Examined:
        """The trimap that gray levels mean, and what was found beside what is in `levels.findings`."""

    def examine(self, picture: object, file: str | None = None) -> Examined:
        """The trimap and all findings, of an array as a file holds it: [height, width] or [height, width, channels] of
        bool, uint8, uint16, or floats in 0..1; `file` is its name, for messages."""
        levels = levels_of(picture, Asked(self.argument, file))
        if isinstance(levels, Finding):
            return Examined(None, (levels,))
        examined = self.of_levels(levels, file)
        return Examined(examined.trimap, levels.findings + examined.findings)

    def trimap(self, picture: object, file: str | None = None) -> Trimap:
        """[height, width] uint8: 0 background, 255 foreground, 128 unknown; what looks wrong is logged.

        Raises:
            InvalidInput: the picture is refused.
        """
        examined = self.examine(picture, file)
        say(self.argument, file, examined.findings)
        return required(self.argument, file, examined)


@dataclass(frozen=True)
class GivenTrimap(TrimapRule):
    """A trimap as it is: black is background, white foreground, every other level unknown.

    margin: levels of 0..255 from black and from white that still count as these, 0..126.
    """

    margin: int = 0
    argument: ClassVar[str] = "trimap"

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 126:
            raise InvalidInput(f"margin: expected 0 to 126, got {self.margin}")

    def of_levels(self, levels: Levels, file: str | None = None) -> Examined:
        values, white = levels.values, levels.white
        margin = self.margin / 255 * white
        trimap = three(values <= margin, values >= white - margin)
        return Examined(trimap, tuple(self._findings(levels, trimap, file)))

    def _findings(self, levels: Levels, trimap: Trimap, file: str | None) -> list[Finding]:
        found = []
        unknown, noise = trimap == 128, NOISE / 255 * levels.white
        there = levels.values[unknown]
        is_near = (there <= noise) | (there >= levels.white - noise)
        if is_near.any():
            near = unknown.copy()
            near[unknown] = is_near
            cleans = f"dim-trt trimap clean {shlex.quote(file)}" if file else "trimaps.clean"
            message = (
                f"{np.count_nonzero(near)} pixels are nearly but not quite black or white, so they count as unknown: "
                f"JPEG, or smooth scaling; {cleans} makes them known"
            )
            found.append(found_at("warning", "noise", message, near))
        if not unknown.any():
            found.append(_without_unknown(trimap))
        return found


@dataclass(frozen=True)
class MaskRule(TrimapRule):
    """A mask, hard or soft: what is surely inside and far enough from all else is foreground.

    erode, dilate: how far the unknown band reaches into the object and into the background.
    low, high: at most `low` of white is surely background, at least `high` surely foreground; what lies between is
        unknown. Both 0.5 cut the mask at half.
    """

    erode: Radius = ERODE
    dilate: Radius = DILATE
    low: float = LOW
    high: float = HIGH
    argument: ClassVar[str] = "mask"

    def __post_init__(self) -> None:
        check_bounds(self.low, self.high)
        for name in ("erode", "dilate"):
            radius_px(getattr(self, name), 1.0, name)

    def of_levels(self, levels: Levels, file: str | None = None) -> Examined:
        trimap = banded(levels.fraction(), self.erode, self.dilate, self.low, self.high)
        found = (_of_one_value("mask", trimap),) if trimap.min() == trimap.max() != 128 else ()
        return Examined(trimap, found)


@dataclass
class ClipReader:
    """Reads the trimaps of one clip with one rule: says each thing once, and knows white from an earlier frame where a
    dark frame does not tell it."""

    rule: TrimapRule
    _white: dict[Any, float] = field(default_factory=dict)
    _said: set[str] = field(default_factory=lambda: set(OF_ONE))

    def trimap(self, picture: object, file: str) -> Trimap:
        """As `TrimapRule.trimap`."""
        levels = levels_of(picture, Asked(self.rule.argument, file))
        if isinstance(levels, Finding):
            known = self._white.get(picture.dtype) if isinstance(picture, np.ndarray) and picture.ndim == 2 else None
            if known is None or levels.code not in ("labels", "depth"):
                return required(self.rule.argument, file, Examined(None, (levels,)))
            return self.of_levels(Levels(np.asarray(picture), known), file)
        known = self._white.get(levels.values.dtype, 0.0)
        if levels.white < known:
            levels = Levels(levels.values, known)
        elif levels.values.any():
            self._white[levels.values.dtype] = levels.white
        return self.of_levels(levels, file)

    def of_levels(self, levels: Levels, file: str) -> Trimap:
        """Where white is known, as in videos."""
        examined = self.rule.of_levels(levels, file)
        found = [f for f in levels.findings + examined.findings if f.code not in self._said]
        self._said.update(finding.code for finding in found)
        say(self.rule.argument, file, found)
        return required(self.rule.argument, file, examined)


def clean(trimap: NDArray[np.generic], *, margin: int = NOISE) -> Trimap:
    """The trimap with nearly black as background, nearly white as foreground and the rest as 128.

    For trimaps that went through JPEG or smooth scaling, [height, width] of a type that `TrimapRule.examine` takes.
    `margin`: the largest distance from black and from white, in levels of 0..255, 0..126.

    Raises:
        InvalidInput: the trimap has another type or shape, holds labels, or the margin is out of its range.
    """
    return required("trimap", None, GivenTrimap(margin).examine(trimap))


def fraction_of(picture: object, argument: str, file: str | None = None) -> NDArray[np.float32]:
    """Alpha [height, width] float32 in 0..1 of an array as a file holds it, read as masks are. Raises InvalidInput."""
    levels = levels_of(picture, Asked(argument, file, labels_below=2))
    if isinstance(levels, Finding):
        raise InvalidInput(f"{_place(argument, file)}: {levels.message}")
    say(argument, file, levels.findings)
    return levels.fraction()


def say(argument: str, file: str | None, findings: tuple[Finding, ...] | list[Finding]) -> None:
    """Log the warnings, with the file's name, and the notes, which are the same for many files."""
    for finding in findings:
        if finding.severity != "error":
            place = argument if finding.severity == "note" else _place(argument, file)
            LOGGER.warning("%s: %s", place, finding.message)


def required(argument: str, file: str | None, examined: Examined) -> Trimap:
    """The trimap; raises InvalidInput where there is none."""
    if examined.trimap is None:
        raise InvalidInput(f"{_place(argument, file)}: {examined.findings[0].message}")
    return examined.trimap


def _place(argument: str, file: str | None) -> str:
    return argument if file is None else f"{argument}: {file!r}"


def _without_unknown(trimap: Trimap) -> Finding:
    if trimap.min() == trimap.max():
        return _of_one_value("trimap", trimap)
    message = "every pixel is black or white: alpha will be the trimap; if it is a mask, give it as one (--mask)"
    return Finding("warning", "no-unknown", message)


def _of_one_value(argument: str, trimap: Trimap) -> Finding:
    color, alpha = ("black", 0) if trimap.max() == 0 else ("white", 1)
    return Finding("warning", "one-value", f"the {argument} is {color} everywhere: alpha will be {alpha} everywhere")
