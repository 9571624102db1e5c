"""What goes wrong on many machines: nothing is lost, and no picture has two rows."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import node, save_pictures
from tests.cluster.test_matte import files, manifest
from tests.support import ROOT

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'dim_trt[cluster]'")
from dim_trt.cluster.attempts import MOST_DEATHS  # noqa: E402
from dim_trt.cluster.engines import EngineSpec  # noqa: E402
from dim_trt.cluster.listing import Folders  # noqa: E402
from dim_trt.cluster.places import open_folder  # noqa: E402
from dim_trt.cluster.run import matte_folder  # noqa: E402
from dim_trt.cluster.workers import Work  # noqa: E402
from dim_trt.errors import Error  # noqa: E402
from dim_trt.renditions import Rendering  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
COUNT = 90
SLOW_MS = "DIM_TRT_TEST_SLOW_MS"


def work_for(root: Path, plan: Path) -> Work:
    folders = Folders(
        open_folder(root / "in"), open_folder(root / "tri"), "trimap", {"alpha": open_folder(root / "out")}, ".png"
    )
    return Work(folders, Rendering(), None, EngineSpec.of(ray, plan, device="cpu"))
