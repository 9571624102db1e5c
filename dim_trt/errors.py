"""The exceptions of dim_trt. A message names the argument, what was expected, what came, and what to do."""

# Error
# ├── InvalidInput        (also ValueError)
# ├── PlanError
# ├── BackendUnavailable  (also RuntimeError)
# ├── BuildError
# └── Busy

from __future__ import annotations

__all__ = ["BackendUnavailable", "BuildError", "Busy", "Error", "InvalidInput", "PlanError"]


class Error(Exception):
    """The root of everything that dim_trt raises on purpose."""


class InvalidInput(Error, ValueError):  # noqa: N818 (reads better where it is raised)
    """An argument, an array or a picture is not what the call accepts."""


class PlanError(Error):
    """A plan file is missing, damaged, or was made for another version or machine."""


class BackendUnavailable(Error, RuntimeError):  # noqa: N818
    """A backend or device was asked for that this machine or this build does not have."""


class BuildError(Error):
    """An ONNX file cannot be turned into a plan."""


class Busy(Error):  # noqa: N818
    """There is no room for another run now; later there will be."""
