"""The one source of the version is pyproject.toml, read from the installed package."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("dim_trt")
