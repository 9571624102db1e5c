from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

_Window: TypeAlias = tuple[int, int, int, int]  # top, left, height, width
_GpuArray: TypeAlias = tuple[int, tuple[int, int], tuple[int, ...]]  # address, (height, width), strides in bytes

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
        region: bool = True,
        max_concurrent: int = 2,
        cuda_graphs: bool = True,
        tensorrt_folders: Sequence[str] = ...,
        backend: str = "",
        memory_limit_bytes: int = 0,
        max_pixels: int = 0,
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
    def halo_px(self) -> int: ...
    @property
    def header(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def isa(self) -> str: ...

def check_arrays(img: object, trimap: object, out: object) -> None: ...
def network_window(trimap: NDArray[np.uint8], halo: int, stride: int, step: int) -> tuple[_Window, list[_Window]]: ...
def cut_tiles(
    trimap: NDArray[np.uint8],
    halo: int,
    stride: int,
    least: tuple[int, int],
    pixels: int,
    unknown_only: bool,
) -> list[tuple[_Window, _Window]]: ...
def read_plan_header(path: str) -> str: ...
def check_cpu_payload(payload: bytes, stride: int) -> None: ...
def read_plan_payload(path: str) -> bytes: ...
def tensorrt_capabilities(folders: Sequence[str]) -> dict[str, Any]: ...
def gpus() -> dict[str, Any]: ...
def build_engine(
    onnx: bytes,
    *,
    precision: str,
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
def element_foreground(
    img: NDArray[np.uint8] | NDArray[np.float32], alpha: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any]]: ...

# single operations on (channels, height, width), for tests and benchmarks
def conv2d(
    input: NDArray[np.float32],
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    *,
    relu: bool = False,
    algorithm: str = "direct",
    isa: str = "",
    threads: int = 1,
) -> NDArray[np.float32]: ...
def conv2d_max_pool(
    input: NDArray[np.float32],
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    *,
    relu: bool = False,
    algorithm: str = "direct",
    isa: str = "",
    threads: int = 1,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]: ...
def unpool_conv2d(
    input: NDArray[np.float32],
    codes: NDArray[np.uint8],
    add: NDArray[np.float32] | None,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    *,
    relu: bool = False,
    algorithm: str = "direct",
    isa: str = "",
    threads: int = 1,
) -> NDArray[np.float32]: ...
def layer_seconds(
    input: NDArray[np.float32],
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    *,
    codes: NDArray[np.uint8] | None = None,
    add: NDArray[np.float32] | None = None,
    pool: bool = False,
    algorithm: str = "direct",
    isa: str = "",
    threads: int = 1,
    runs: int = 1,
) -> list[float]: ...
def resample(
    pixels: NDArray[np.float32],
    size: tuple[int, int],
    *,
    interpolation: str,
    whole_levels: bool,
    strip_rows: int = 32,
) -> NDArray[np.float32]: ...

# element functions of the CUDA kernels, looped over whole arrays on the host, for tests
def element_max_pool_argmax(x: NDArray[Any], hwc8_channels: int = 0) -> tuple[NDArray[Any], NDArray[Any]]: ...
def element_index_unpool(values: NDArray[Any], codes: NDArray[Any], hwc8_channels: int = 0) -> NDArray[Any]: ...
def element_preprocess(
    img: NDArray[np.uint8] | NDArray[np.float32],
    trimap: NDArray[np.uint8],
    *,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    trimap_scale: float,
    swap: bool = False,
    stride: int = 32,
    dtype: str = "float32",
    core: bool = False,
    raw_trimap: bool = False,
    reflect: bool = True,
) -> NDArray[Any]: ...
def element_postprocess(
    network: NDArray[Any], trimap: NDArray[np.uint8], out: NDArray[Any], *, core: bool = False, clamp: bool = True
) -> None: ...
def element_unknown_box(trimap: NDArray[np.uint8]) -> tuple[int, int, int, int]: ...
def element_through_half(values: NDArray[np.float32]) -> NDArray[np.float32]: ...
