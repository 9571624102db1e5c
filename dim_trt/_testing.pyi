from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

_Window: TypeAlias = tuple[int, int, int, int]  # top, left, height, width

# single layers on (channels, height, width)
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
def sigmoid(values: NDArray[np.float32], *, step: int = 1, isa: str = "") -> NDArray[np.float32]: ...
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
def quantized_conv2d(
    input: NDArray[np.float32],
    weight: NDArray[np.float32],
    scale: NDArray[np.float32],
    bias: NDArray[np.float32],
    *,
    codes: NDArray[np.uint8] | None = None,
    add: NDArray[np.float32] | None = None,
    add_scale: float = 1.0,
    pool: bool = False,
    out_scale: float = 0.0,
    relu: bool = False,
    algorithm: str = "direct",
    isa: str = "",
    threads: int = 1,
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]: ...
def quantized_layer_seconds(
    input: NDArray[np.float32],
    weight: NDArray[np.float32],
    scale: NDArray[np.float32],
    bias: NDArray[np.float32],
    *,
    codes: NDArray[np.uint8] | None = None,
    add: NDArray[np.float32] | None = None,
    add_scale: float = 1.0,
    pool: bool = False,
    out_scale: float = 0.0,
    algorithm: str = "direct",
    isa: str = "",
    threads: int = 1,
    runs: int = 1,
) -> list[float]: ...

# scaling, windows and tiles
def resample(
    pixels: NDArray[np.float32],
    size: tuple[int, int],
    *,
    interpolation: str,
    whole_levels: bool,
    strip_rows: int = 32,
) -> NDArray[np.float32]: ...
def network_window(trimap: NDArray[np.uint8], halo: int, stride: int, step: int) -> tuple[_Window, list[_Window]]: ...
def closed_form(
    img: NDArray[np.uint8],
    trimap: NDArray[np.uint8],
    guess: NDArray[np.float32],
    *,
    prior: float,
    prior_unsure: float,
    iterations: int,
    smallest_eigenvalue: float,
    most_bytes: int = 0,
    threads: int = 1,
) -> NDArray[np.float32]: ...
def cut_tiles(
    trimap: NDArray[np.uint8],
    halo: int,
    stride: int,
    least: tuple[int, int],
    pixels: int,
    unknown_only: bool,
) -> list[tuple[_Window, _Window]]: ...
def loop_threads(milliseconds: Sequence[int], *, threads: int) -> list[list[int]]: ...
def cgroup_quota(groups: str, mounted: str) -> float: ...

# element functions of the CUDA kernels, looped over whole arrays on the host
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
    network: NDArray[Any],
    trimap: NDArray[np.uint8],
    out: NDArray[Any],
    *,
    core: bool = False,
    clamp: bool = True,
    share: float = 1.0,
    adds: bool = False,
) -> None: ...
def element_unknown_box(trimap: NDArray[np.uint8]) -> tuple[int, int, int, int]: ...
def element_through_half(values: NDArray[np.float32]) -> NDArray[np.float32]: ...
def element_foreground(
    img: NDArray[np.uint8] | NDArray[np.float32], alpha: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any]]: ...
