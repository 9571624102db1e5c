"""What this machine and this build can do, and why not the rest."""

from __future__ import annotations

import logging
from typing import Any

from dim_trt.errors import BackendUnavailable, InvalidInput
from dim_trt.version import __version__

LOGGER = logging.getLogger("dim_trt")
BACKENDS = ("auto", "cpu", "tensorrt")


def tensorrt_reason() -> str:
    """Why the tensorrt backend cannot be used."""
    return "the TensorRT backend is not part of this build of dim_trt"


def resolve_backend(backend: str) -> str:
    """The backend that a plan is built for here: the argument, or the choice of "auto", which is logged."""
    if backend not in BACKENDS:
        raise InvalidInput(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    if backend == "tensorrt":
        raise BackendUnavailable(
            f"backend='tensorrt': {tensorrt_reason()}; use backend='cpu', or 'auto' to take what there is"
        )
    if backend == "auto":
        LOGGER.info("backend auto: cpu (%s)", tensorrt_reason())
    return "cpu"


def capabilities() -> dict[str, Any]:
    """What this machine can do.

    Returns:
        version: of dim_trt.
        cpu: {"available", "isa", "available_isas", "threads"}, the instruction sets that the kernels can use.
        tensorrt, cuda: {"available", "reason"}; the reason says why not.
    """
    from dim_trt import _core

    reason = tensorrt_reason()
    return {
        "version": __version__,
        "cpu": {"available": True, **_core.cpu_capabilities()},
        "tensorrt": {"available": False, "reason": reason},
        "cuda": {"available": False, "reason": f"device 'cuda' needs the tensorrt backend: {reason}"},
    }
