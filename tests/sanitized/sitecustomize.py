"""Puts the compiled modules in the folder DIM_TRT_MODULES in the place of dim_trt's own, in this process and those it
starts.

`tests.sanitizers` has this folder in PYTHONPATH; Python runs the file before anything else.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType


class _Modules(MetaPathFinder):
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in ("dim_trt._core", "dim_trt._testing"):
            return None
        (path,) = Path(os.environ["DIM_TRT_MODULES"]).glob(f"{fullname.removeprefix('dim_trt.')}.*so")
        return spec_from_file_location(fullname, path)


sys.meta_path.insert(0, _Modules())
