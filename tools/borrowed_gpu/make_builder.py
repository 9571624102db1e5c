"""Opens TensorRT 8 in a folder and makes a builder, with nothing of dim_trt: can it be used on this machine at all?

    python make_builder.py LIBRARIES REPORT.json

The report says the version, the number of GPUs, and the problem; exit code 0 where there is a builder, 1 where not.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from typing import Any

LIBRARIES = ("libnvinfer_plugin.so.8", "libnvinfer.so.8", "libnvonnxparser.so.8")
NO_DEVICE = "no CUDA device"
LOG = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
DESTRUCTOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Logger:
    """An nvinfer1::ILogger: an object whose table has `log`, then the two destructors of C++."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._functions = (LOG(self._log), DESTRUCTOR(lambda this: None), DESTRUCTOR(lambda this: None))
        self._table = (ctypes.c_void_p * 3)(*(ctypes.cast(one, ctypes.c_void_p).value for one in self._functions))
        self._object = ctypes.c_void_p(ctypes.addressof(self._table))

    def _log(self, this: int, severity: int, text: bytes) -> None:
        if severity <= 2:  # warnings and worse
            self.said.append(text.decode(errors="replace"))

    @property
    def address(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(ctypes.addressof(self._object))


def gpus() -> int:
    """How many GPUs the driver has; 0 where there is no driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def attempt(folder: Path, report: dict[str, Any]) -> str:
    """What went wrong; empty where there is a builder. What is found goes into the report."""
    try:
        opened = [ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL) for name in LIBRARIES]
    except OSError as problem:
        return str(problem)
    nvinfer = opened[1]
    version = report["version"] = nvinfer.getInferLibVersion()
    report["gpus"] = gpus()
    if not report["gpus"]:
        return NO_DEVICE  # without one some versions crash
    logger = Logger()
    create = nvinfer.createInferBuilder_INTERNAL
    create.restype, create.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int32)
    builder = create(logger.address, version)
    report["said"] = logger.said
    return "" if builder else "TensorRT makes no builder: " + ("; ".join(logger.said) or "it does not say why")


def main() -> int:
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    report: dict[str, Any] = {"version": 0, "gpus": 0, "said": [], "problem": "it was cut off while it made a builder"}
    target.write_text(json.dumps(report))
    report["problem"] = attempt(folder, report)
    target.write_text(json.dumps(report))
    print(f"builder: {report['problem'] or 'made'}, TensorRT {report['version']}", flush=True)
    return int(report["problem"] != "")


if __name__ == "__main__":
    sys.exit(main())
