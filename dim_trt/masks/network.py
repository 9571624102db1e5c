"""Masks from an ONNX file of a salient-object or person network, on ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.errors import BackendUnavailable, InvalidInput
from dim_trt.files import StrPath
from dim_trt.masks.families import NORMALIZATION_FORMAT, NORMALIZATIONS, Normalization, family_of
from dim_trt.masks.reading import heads_of, mask_among
from dim_trt.masks.source import F32, U8, MaskSource
from dim_trt.onnx_runtime import Refused, open_session, run_session
from dim_trt.opencv import cv2

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
MOST_PX = 8192  # of a side that is fed
INSTALL = "pip install 'dim_trt[auto]'"


class OnnxMasks(MaskSource):
    """A network of the U²-Net, IS-Net, MODNet or BiRefNet families, or any other from a picture to one value a pixel.

    Pictures are scaled to the network's size, and masks back to the picture's. May be called from many threads.

    Args:
        path: the ONNX file, with one picture as its input, channels first or last.
        size: (height, width) that is fed, in px; None is what the graph says, or where it leaves that open, the size
            that the file's family has (known by its name, such as u2netp.onnx).
        normalization: of the colors; None is the family's.

    Raises:
        BackendUnavailable: ONNX Runtime is not installed.
        InvalidInput: the file cannot be read or is no network for masks, or it does not say how it is fed and neither
            does its name: the message says which argument to give.
    """

    def __init__(
        self, path: StrPath, *, size: tuple[int, int] | None = None, normalization: Normalization | None = None
    ):
        self._path = Path(path)
        if not self._path.is_file():
            raise InvalidInput(f"auto: the file {str(path)!r} does not exist")
        threads: int = _core.cpu_capabilities()["threads"]
        try:
            self._session = open_session(str(path), threads=threads)
        except ImportError as failure:
            raise BackendUnavailable(f"auto: {str(path)!r} needs onnxruntime: {INSTALL}") from failure
        except Refused as failure:
            raise InvalidInput(f"auto: {str(path)!r}: ONNX Runtime cannot load it: {failure}") from failure
        fed = self._picture_input()
        self._input, self._dtype = fed.name, TYPES[fed.type]
        self._channels_last = fed.shape[3] == 3 and fed.shape[1] != 3
        self._heads = heads_of(self._path, self._session.get_outputs())
        family = family_of(self._path.stem)
        self._size = self._input_size(fed.shape, size, family.side_px if family else None)
        chosen = normalization or (family.normalization if family else None)
        if chosen is None:
            raise InvalidInput(
                f"auto: {str(path)!r}: it is not known how this network's colors are normalized; say it with "
                f"--auto-norm (one of {', '.join(NORMALIZATIONS)}, or {NORMALIZATION_FORMAT})"
            )
        self._normalization = chosen

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of what the network is fed, in px."""
        return self._size

    def __call__(self, img: U8, /) -> F32:
        """As `MaskSource`. Raises InvalidInput where the network fails, or its output turns out to be no mask."""
        names = list(self._heads.names)
        try:
            results = run_session(self._session, names, {self._input: self._fed(img)})
        except Refused as failure:
            raise InvalidInput(f"auto: {str(self._path)!r}: ONNX Runtime cannot run it: {failure}") from failure
        mask = mask_among(dict(zip(names, results, strict=True)), self._heads, str(self._path))
        return np.clip(cv2.resize(mask, (img.shape[1], img.shape[0]), interpolation=cv2.INTER_LINEAR), 0, 1)

    def _fed(self, img: U8) -> NDArray[Any]:
        height, width = self._size
        shrinks = height * width < img.shape[0] * img.shape[1]
        small = cv2.resize(img, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        mean, std = (np.asarray(part, np.float32) for part in (self._normalization.mean, self._normalization.std))
        colors = (small[:, :, ::-1].astype(np.float32) / 255 - mean) / std
        batch = colors[None] if self._channels_last else np.moveaxis(colors, 2, 0)[None]
        return np.ascontiguousarray(batch, self._dtype)

    def _picture_input(self) -> Any:
        inputs = self._session.get_inputs()
        fed = inputs[0] if len(inputs) == 1 else None
        if fed is None or fed.type not in TYPES or len(fed.shape) != 4 or 3 not in (fed.shape[1], fed.shape[3]):
            found = ", ".join(f"{one.name!r} {one.type} {list(one.shape)}" for one in inputs[:4])
            raise InvalidInput(
                f"auto: {str(self._path)!r}: expected one input, a picture [1, 3, height, width] or [1, height, width, "
                f"3] of floats, got {found}"
            )
        return fed

    def _input_size(self, shape: list[Any], given: tuple[int, int] | None, usual: int | None) -> tuple[int, int]:
        """The graph's, else the one that is given, else the usual side; checked where two of them speak."""
        sides = tuple(shape[1:3] if self._channels_last else shape[2:4])
        if given is not None and not all(1 <= side <= MOST_PX for side in given):
            raise InvalidInput(f"auto: size: expected sides of 1 to {MOST_PX} px, got {given[1]}x{given[0]}")
        chosen = given or (usual and (usual, usual))
        fixed = [(side if isinstance(side, int) and side > 0 else None) for side in sides]
        if chosen is None and None in fixed:
            raise InvalidInput(
                f"auto: {str(self._path)!r}: the graph takes any size and the network is not known by its name; say "
                "the size that it was trained for with --auto-size"
            )
        if given and any(side not in (None, asked) for side, asked in zip(fixed, given, strict=True)):
            raise InvalidInput(
                f"auto: size: {str(self._path)!r} takes {fixed[1]}x{fixed[0]} px alone, got {given[1]}x{given[0]}"
            )
        height, width = (side or other for side, other in zip(fixed, chosen or (0, 0), strict=True))
        return height, width
