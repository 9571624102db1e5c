"""OpenCV, from whichever package it came. It is no dependency: pip knows no "one of these packages"."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dim_trt.errors import BackendUnavailable

# Each holds a whole cv2; two of them overwrite each other's files.
PACKAGES = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)

LOG_NOTHING = 0  # of OpenCV's levels
_lock, _silenced, _level = threading.Lock(), 0, 0  # how many blocks are silent now, and OpenCV's level before


class Missing:
    """In place of cv2: raises where it is used, so that a command says it in one line and the engine works without."""

    def __init__(self, failure: Exception):
        self._failure = failure

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what inspect and copy look for
            raise AttributeError(name)
        raise BackendUnavailable(self.sentence()) from self._failure

    def sentence(self) -> str:
        if isinstance(self._failure, ModuleNotFoundError):
            return "pictures need OpenCV, which is not installed: pip install opencv-python-headless"
        return (  # most often libGL, which opencv-python needs and servers do not have
            f"OpenCV is installed and cannot be loaded ({self._failure}); install the library that is missing, or "
            "uninstall the package and install opencv-python-headless, which needs none of a desktop"
        )


def require() -> None:
    """Raises BackendUnavailable, with the sentence, where OpenCV cannot be used."""
    if isinstance(cv2, Missing):
        raise BackendUnavailable(cv2.sentence())


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """OpenCV writes nothing to the terminal in the block: an error of dim_trt says what is wrong, and of which file."""
    global _silenced, _level
    with _lock:
        if not _silenced:
            _level = _set_log_level(LOG_NOTHING)
        _silenced += 1
    try:
        yield
    finally:
        with _lock:
            _silenced -= 1
            if not _silenced:
                _set_log_level(_level)


def _set_log_level(level: int) -> int:
    """Returns the one before. OpenCV 5 has moved the function."""
    move: Any = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    return int(move(level))


def description() -> str:
    """Which OpenCV is here, and the packages with a cv2 that pip knows of."""
    packages = ", ".join(f"{name} {number}" for name, number in installed_packages().items())
    if isinstance(cv2, Missing):
        return f"cannot be loaded ({packages})" if packages else "not installed"
    return f"{cv2.__version__} ({packages or 'not from pip'})"


def installed_packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def problem() -> str | None:
    """What is wrong with it, in a sentence; whatever needs no pictures works all the same."""
    if isinstance(cv2, Missing):
        return cv2.sentence()
    if len(found := list(installed_packages())) > 1:
        return (
            f"{' and '.join(found)} overwrite each other's cv2: pip uninstall {' '.join(found)}, then install one of "
            "them"
        )
    return None


try:
    import cv2 as cv2

    cv2.__version__  # noqa: B018 (one of two packages that was uninstalled leaves an empty folder, which imports)
except (ImportError, AttributeError) as failure:
    cv2 = Missing(failure)  # type: ignore[assignment]
