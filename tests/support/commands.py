"""Commands of the package, called in this process: a Python that starts takes longer than most of what they do."""

from __future__ import annotations

import contextlib
import io
import logging
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from dim_trt.cli import PACKAGES


def called(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `python -m dim_trt.<name> ...` in `folder` prints and ends with; its cache is `folder`/cache.

    Streams are text alone: what is said of terminals, bytes and closed streams needs a process.
    """
    main = import_module(f"dim_trt.{PACKAGES.get(name, name)}").main
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(folder)
        patch.setenv("DIM_TRT_CACHE", str(folder / "cache"))
        patch.setattr(logging.getLogger(), "handlers", [])  # those of pytest, beside which a command adds none
        try:
            code = main(list(arguments))
        except SystemExit as end:  # argparse's
            code = end.code
    return subprocess.CompletedProcess(
        ("python", "-m", f"dim_trt.{name}", *arguments), code, out.getvalue(), err.getvalue()
    )
