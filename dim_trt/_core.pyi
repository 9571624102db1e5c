from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

_Window: TypeAlias = tuple[int, int, int, int]  # top, left, height, width
_GpuArray: TypeAlias = tuple[int, tuple[int, int], tuple[int, ...]]  # address, (height, width), strides in bytes

PLAN_FORMAT_VERSION: int

class GpuMemory:
    @property
    def address(self) -> int: ...

class DlpackTensor:
    @property
    def address(self) -> int: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def strides_bytes(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> tuple[int, int, int]: ...  # code, bits, lanes
    @property
    def device(self) -> tuple[int, int]: ...  # type, number
    @property
    def read_only(self) -> bool: ...

def dlpack_import(capsule: object) -> DlpackTensor: ...
def dlpack_export(
    owner: object,
    address: int,
    shape: Sequence[int],
    strides_bytes: Sequence[int],
    *,
    dtype: tuple[int, int],
    device: tuple[int, int],
    versioned: bool,
    read_only: bool = False,
) -> object: ...

class Engine:
    def __init__(
        self,
        path: str,
        *,
        threads: int = 0,
        color: str = "bgr",
        strip_bytes: int = 67108864,
        gpu: int = 0,
        crop: bool = True,
        max_concurrent: int = 2,
        cuda_graphs: bool = True,
        tensorrt_folders: Sequence[str] = ...,
        backend: str = "",
        memory_limit_bytes: int = 0,
        at_least_a_tile: bool = False,
        max_pixels: int = 0,
        orientations: int = 1,
    ) -> None: ...
    def run(
        self, img: NDArray[np.uint8], trimap: NDArray[np.uint8], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]: ...
    def run_on_gpu(self, img: _GpuArray, trimap: _GpuArray, alpha: _GpuArray, stream: int, wait: bool) -> None: ...
    def foreground(
        self, img: NDArray[np.uint8] | NDArray[np.float32], alpha: NDArray[np.float32]
    ) -> tuple[NDArray[Any], NDArray[Any]]: ...
    def foreground_on_gpu(
        self, img: _GpuArray, alpha: _GpuArray, foreground: int, background: int, stream: int, wait: bool
    ) -> None: ...
    def allocate(self, bytes: int) -> GpuMemory: ...
    def profile(self, img: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> list[tuple[str, float]]: ...
    def argmax(self, img: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> list[NDArray[np.uint8]]: ...
    def tiles(self, trimap: NDArray[np.uint8]) -> list[tuple[_Window, _Window]]: ...
    def working_bytes(self, size: tuple[int, int]) -> int: ...
    @property
    def memory_limit_bytes(self) -> int: ...
    @property
    def halo_px(self) -> int: ...
    @property
    def header(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def isa(self) -> str: ...
    @property
    def gpu_name(self) -> str: ...

def check_arrays(img: object, trimap: object, out: object) -> None: ...
def read_plan_header(path: str) -> str: ...
def check_cpu_payload(payload: bytes, stride: int) -> None: ...
def halo_px(payload: bytes, stride: int) -> int: ...
def read_plan_payload(path: str) -> bytes: ...
def plan_keys() -> list[str]: ...
def operations() -> list[str]: ...
def tensorrt_capabilities(folders: Sequence[str]) -> dict[str, Any]: ...
def gpus() -> dict[str, Any]: ...
def build_engine(
    onnx: bytes,
    *,
    precision: str,
    types: dict[str, str],
    min: tuple[int, int],
    opt: tuple[int, int],
    max: tuple[int, int],
    workspace_bytes: int,
    optimization_level: int,
    gpu: int,
    timing_cache: bytes,
    progress: Callable[[str, int, int], bool] | None,
    folders: Sequence[str],
) -> dict[str, Any]: ...
def cpu_capabilities() -> dict[str, Any]: ...
def estimate_foreground(
    img: NDArray[np.uint8] | NDArray[np.float32], alpha: NDArray[np.float32], *, threads: int = 0
) -> tuple[NDArray[Any], NDArray[Any]]: ...
