"""Puts the compiled module of DIM_TRT_CORE in the place of dim_trt's own, in this process and those it starts.

`tests.sanitizers` has this folder in PYTHONPATH; Python runs the file before anything else.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType


class _Core(MetaPathFinder):
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return spec_from_file_location(fullname, os.environ["DIM_TRT_CORE"]) if fullname == "dim_trt._core" else None


sys.meta_path.insert(0, _Core())
