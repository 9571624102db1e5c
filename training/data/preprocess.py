"""What the network is fed: these constants also travel in the metadata of every exported ONNX file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.graph.preprocessing import PRESETS

UNKNOWN = 128  # the canonical trimap's unknown value; 0 is background, 255 foreground


@dataclass(frozen=True)
class Resize:
    """How pictures of other sides are scaled to multiples of the stride, each side on its own, as cv2.resize does it.

    round: "down" (but not to 0) or "up" to the next multiple.
    max_side: the longest side, in pixels; 0 for any.
    size: height and width of every picture, in place of these two.
    pixels: "uint8", whose results are rounded to whole levels, or "float32", of whose cubic results none is clipped.
    img, trimap, alpha: "nearest", "linear" or "cubic"; alpha is scaled back from float32, and clipped last of all. No
        trimap where the network is fed none.
    """

    round: str | None
    max_side: int | None
    pixels: str
    img: str
    trimap: str | None
    alpha: str
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Preprocessing:
    """input[:3] = (color - mean) / std in `channel_order`; input[3] = trimap · `trimap_scale`,
    which is None for a network that is fed no trimap.

    trimap_values: "canonical": every value but 0 and 255 becomes 128; "raw": they are fed as they are.
    padding: "reflect": at the bottom and right, to a multiple of `stride`; "none": maps end where the picture does, and
        poolings leave an odd last row or column out, or with `resize` sides are such multiples anyway.
    """

    channel_order: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    trimap_scale: float | None
    stride: int
    padding: str
    trimap_values: str = "canonical"
    resize: Resize | None = None

    def to_dict(self) -> dict[str, Any]:
        """As files store it. What the network of this project does not need is left out: older readers know no more."""
        values = _given(asdict(self))
        if self.trimap_values == "canonical":
            del values["trimap_values"]
        if self.resize is not None:
            values["resize"] = _given(values["resize"])
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """The inverse; raises TypeError or KeyError where `to_dict` did not make it."""
        resize = None
        if (given := values.get("resize")) is not None:
            missing = dict.fromkeys(("round", "max_side", "trimap"))
            size = tuple(given["size"]) if "size" in given else None
            resize = Resize(**{**missing, **given, "size": size})
        lists = {name: tuple(values[name]) for name in ("mean", "std")}
        return cls(**{"trimap_scale": None, **values, **lists, "resize": resize})


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


PREPROCESSING = Preprocessing.from_dict(PRESETS["imagenet"])  # of the networks for matting that are trained here
TRIMAP_SCALE: float = PRESETS["imagenet"]["trimap_scale"]
COLORS_ALONE = replace(PREPROCESSING, trimap_scale=None)  # of pictures that have the size which the network wants
_LINEAR = Resize(None, None, pixels="uint8", img="linear", trimap=None, alpha="linear", size=(320, 320))
SALIENT = replace(COLORS_ALONE, padding="none", resize=_LINEAR)  # of those that find objects
PREPROCESSING_OF = {"matting": PREPROCESSING, "segmentation": SALIENT}  # by task
_STORED = json.dumps(PREPROCESSING.to_dict())
_STORED_SALIENT = json.dumps(SALIENT.to_dict())
_STORED_COLORS = json.dumps(COLORS_ALONE.to_dict())


def canonical_trimap(trimap: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[H, W] uint8: 0 and 255 stay, every other value becomes 128."""
    return np.where((trimap == 0) | (trimap == 255), trimap, np.uint8(UNKNOWN))


def network_input(image: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB image [H, W, 3] uint8 and trimap [H, W] uint8 -> [4, H', W'] float32, sides filled up to multiples of the
    stride: what an engine feeds the network."""
    return _core.network_input(image, trimap, _STORED, color="rgb")[0]


def colors_alone(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB image [H, W, 3] uint8 -> [3, H', W'] float32, filled up as `network_input` does it."""
    return _core.network_input(image, None, _STORED_COLORS, color="rgb")[0]


def salient_input(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB image [H, W, 3] uint8 -> [3, 320, 320] float32: what an engine feeds a network that finds objects."""
    return _core.network_input(image, None, _STORED_SALIENT, color="rgb")[0]
