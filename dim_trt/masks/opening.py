"""Sources by name, as commands take them."""

from __future__ import annotations

from collections.abc import Callable

from dim_trt.errors import InvalidInput
from dim_trt.masks.families import Normalization
from dim_trt.masks.network import OnnxMasks
from dim_trt.masks.own import SalientMasks
from dim_trt.masks.rembg_session import RembgMasks
from dim_trt.masks.source import MaskSource
from dim_trt.plans.builder import SALIENT, weights_digest

# A name is KIND:REST, a file, or a network of our own, which has a plain name.
KINDS: dict[str, Callable[[str], MaskSource]] = {"rembg": RembgMasks}
OWN: dict[str, Callable[[], MaskSource]] = {SALIENT: SalientMasks}
DEFAULT_SOURCE = SALIENT
SOURCE_FORMAT = f"{SALIENT}, rembg:NAME or MODEL.onnx"


def source_identity(source: str) -> str:
    """What decides a source's masks: the digest of its network, or its name where another package has that."""
    return weights_digest(source) if source in OWN or source.lower().endswith(".onnx") else source


def open_source(
    source: str | MaskSource, *, size: tuple[int, int] | None = None, normalization: Normalization | None = None
) -> MaskSource:
    """The source of a name, loaded.

    Args:
        source: "salient", the network that comes with the package; "rembg:NAME", any of rembg's sessions; "MODEL.onnx",
            a file; or a function, which is returned.
        size: (height, width) that an ONNX file is fed, where neither graph nor file name says it.
        normalization: of the colors that it is fed.

    Raises:
        BackendUnavailable: what the source needs is not installed, or its weights are not here.
        InvalidInput: there is no such source, the file is no network for masks, or size and normalization are given
            for another source than a file.
    """
    if not isinstance(source, str):
        if not callable(source):
            raise InvalidInput(f"source: expected {SOURCE_FORMAT}, or a function, got {type(source).__name__}")
        return source
    if source.lower().endswith(".onnx"):
        return OnnxMasks(source, size=size, normalization=normalization)
    kind, colon, rest = source.partition(":")
    if not (source in OWN or (colon and rest and kind in KINDS)):
        raise InvalidInput(f"auto: expected {SOURCE_FORMAT}, got {source!r}")
    if size or normalization:
        raise InvalidInput(f"auto: size and normalization are for ONNX files, {source!r} has its own")
    return OWN[source]() if source in OWN else KINDS[kind](rest)
