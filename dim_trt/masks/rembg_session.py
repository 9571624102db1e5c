"""Masks from rembg, which brings many networks, downloads their weights once, and checks them."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any

import numpy as np

from dim_trt.errors import BackendUnavailable, InvalidInput
from dim_trt.masks.network import INSTALL
from dim_trt.masks.source import F32, U8, MaskSource


class RembgMasks(MaskSource):
    """One of rembg's sessions. Where a network tells several kinds of things apart, the mask holds all. May be called
    from many threads; one runs at a time.

    Args:
        name: of the session: u2netp, isnet-general-use, birefnet-general and more, as rembg lists them.

    Raises:
        BackendUnavailable: rembg is not installed, or the weights are not here and cannot be downloaded; the message
            says where the file goes.
        InvalidInput: rembg has no such session, or one that needs more than a picture, or sends pictures away.
    """

    def __init__(self, name: str):
        session_class = _session_class(name)
        from rembg import new_session  # type: ignore[import-not-found, import-untyped, unused-ignore]

        try:
            self._session = new_session(name)
        except OSError as failure:  # of downloading: errors of requests are OSErrors
            raise BackendUnavailable(
                f"auto: the weights of 'rembg:{name}' are not here and cannot be downloaded "
                f"({_line(failure)}); get them on another machine and put them into {_weights(session_class)}"
            ) from failure
        except Exception as failure:  # each session has its own
            raise InvalidInput(f"auto: 'rembg:{name}' cannot be opened by its name: {_line(failure)}") from failure
        self._lock = threading.Lock()

    def __call__(self, img: U8, /) -> F32:
        """As `MaskSource`."""
        from PIL import Image

        picture = Image.fromarray(np.ascontiguousarray(img[:, :, ::-1]))
        with self._lock:
            masks = self._session.predict(picture)
        levels = np.max([np.asarray(mask.convert("L")) for mask in masks], axis=0)
        return np.asarray(levels, np.float32) / np.float32(255)


def _session_class(name: str) -> Any:
    if importlib.util.find_spec("rembg") is None or importlib.util.find_spec("onnxruntime") is None:
        raise BackendUnavailable(f"auto: 'rembg:{name}' needs rembg and onnxruntime: {INSTALL}")
    try:
        from rembg.sessions import sessions_class  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except (ImportError, SystemExit) as failure:  # it ends the process where it finds no ONNX Runtime
        raise BackendUnavailable(f"auto: rembg is installed and cannot be loaded ({failure}): {INSTALL}") from failure
    classes = {one.name(): one for one in sessions_class}
    if name not in classes:
        raise InvalidInput(f"auto: rembg has no {name!r}; it has {', '.join(sorted(classes))}")
    if not getattr(classes[name], "is_local", lambda: True)():
        raise InvalidInput(f"auto: 'rembg:{name}' sends pictures to a service; expected one that runs here")
    return classes[name]


def _weights(session_class: Any) -> str:
    """The folder that it looks into, which moved between versions."""
    folder = getattr(session_class, "model_dir", session_class.u2net_home)()
    return repr(str(Path(folder, f"{session_class.name()}.onnx")))


def _line(failure: BaseException) -> str:
    return next(iter(str(failure).splitlines()), type(failure).__name__)
