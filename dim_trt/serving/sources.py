"""Where a request's trimap comes from: its own file, a mask, or the picture alone."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import Error, InvalidInput
from dim_trt.masks import Automatic, MaskSource, mask_of
from dim_trt.pictures import Picture, decode, to_8_bits
from dim_trt.pictures.limit import Limits
from dim_trt.pictures.picture import turn_advice
from dim_trt.serving.fields import AUTO_PASSES, MASK_OPTIONS, SOURCES, Form
from dim_trt.serving.metrics import Metrics
from dim_trt.trimaps import GivenTrimap, MaskRule, TrimapRule
from dim_trt.trimaps.rules import required

LOGGER = logging.getLogger("dim_trt")
U8 = NDArray[np.uint8]
OPTIONS = {**{field.name: "mask" for field in MASK_OPTIONS}, AUTO_PASSES.name: "auto"}  # and what they go with
UNKNOWN = 128
RESIZE = "resize it with nearest-neighbour interpolation"
NO_NETWORK = (
    "auto: this service has no network that finds objects; start it with one: dim-trt serve --auto, "
    "or --auto SOURCE, such as rembg:u2netp or MODEL.onnx"
)


@contextlib.contextmanager
def naming(argument: str) -> Iterator[None]:
    """InvalidInput of the block names the field."""
    try:
        yield
    except InvalidInput as failure:
        raise InvalidInput(f"{argument}: {failure}") from failure


def damage(argument: str, picture: Picture) -> tuple[str, ...]:
    """What to say of a damaged file that was accepted."""
    if not picture.damage:
        return ()
    return (f"{argument}: the file is damaged ({picture.damage}); what can be read of it was taken",)


def one_at_a_time(source: MaskSource) -> MaskSource:
    """The source as requests may use it: its network takes all cores and much memory, so one runs at a time; and what
    is wrong with it, which may name files, is for the log."""
    lock = threading.Lock()

    def mask(img: U8, /) -> NDArray[np.float32]:
        try:
            with lock:
                return mask_of(source, img)
        except Error as failure:
            LOGGER.warning("%s", failure)
            raise Error("auto: the service's network fails on this picture; its log says why") from failure

    return mask


@dataclass(frozen=True)
class Known:
    """A trimap, and what looks wrong. `automatic`: what made it of the picture alone."""

    trimap: U8
    notes: tuple[str, ...] = ()
    automatic: Automatic | None = None


@dataclass(frozen=True)
class Sources:
    """Makes trimaps; from any number of threads at a time.

    network: finds objects, for `auto`; None where the service has none.
    """

    limits: Limits
    metrics: Metrics
    network: MaskSource | None = None

    @property
    def names(self) -> list[str]:
        """Of those that requests may give."""
        return [field.name for field in SOURCES if field.name != "auto" or self.network]

    def chosen(self, form: Form) -> TrimapRule | Automatic:
        """What makes the form's trimap. Raises InvalidInput, before any work, where that is not one thing."""
        given = [field.name for field in SOURCES if form.has(field.name)]
        if len(given) != 1:
            *others, last = (field.name for field in SOURCES)
            got = " and ".join(given) or "none"
            raise InvalidInput(f"{', '.join(others)} or {last}: expected one of them, got {got}")
        (source,) = given
        for name, needed in OPTIONS.items():
            if name in form.texts and needed != source:
                raise InvalidInput(f"{name}: goes with {needed}, not with {source}")
        if source == "trimap":
            return GivenTrimap()
        if source == "auto":
            if self.network is None:
                raise InvalidInput(NO_NETWORK)
            return Automatic(self.network, form.texts["auto"] == "largest", int(form.text(AUTO_PASSES)))
        texts = {field.name: form.texts[field.name] for field in MASK_OPTIONS if field.name in form.texts}
        numbers = {name: float(text) for name, text in texts.items() if name in ("low", "high")}
        return MaskRule(**{**texts, **numbers})  # type: ignore[arg-type]

    def known(self, chosen: TrimapRule | Automatic, form: Form, image: Picture | None) -> Known:
        """The form's trimap by what `chosen` gave, which must fit the picture, where there is one."""
        if not isinstance(chosen, Automatic):
            return self._read(chosen, form, image)
        if image is None:
            raise InvalidInput("image: expected a picture's file, got none")
        with self.metrics.stage("mask"):
            trimap, complaint = chosen.examined(to_8_bits(image.pixels))
        return Known(trimap, (f"auto: {complaint}",) if complaint else (), chosen)

    def _read(self, rule: TrimapRule, form: Form, image: Picture | None) -> Known:
        argument = rule.argument
        with self.metrics.stage("read"):
            with naming(argument):
                picture = decode(form.files[argument], self.limits)
                if image is not None and picture.size != image.size:
                    raise InvalidInput(_other_size(picture, image))
            examined = rule.examine(picture.stored())
            trimap = required(argument, None, examined)
        found = [f"{argument}: {finding.message}" for finding in examined.findings]
        if (trimap == UNKNOWN).all():
            found.append(f"{argument}: no pixel is known, so the whole picture is guessed")
        return Known(trimap, (*damage(argument, picture), *found))


def _other_size(picture: Picture, image: Picture) -> str:
    advice = turn_advice(picture.size, image.size, image.orientation) or RESIZE
    got, expected = (f"{one.size[1]}x{one.size[0]}" for one in (picture, image))
    return f"expected the image's size, {expected}, got {got}; {advice}"
