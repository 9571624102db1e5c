from typing import Any

import numpy as np
from numpy.typing import NDArray

class Engine:
    def __init__(self, path: str, *, threads: int = 0, color: str = "bgr", strip_bytes: int = 67108864) -> None: ...
    def run(
        self, img: NDArray[np.uint8], trimap: NDArray[np.uint8], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]: ...
    def profile(self, img: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> list[tuple[str, float]]: ...
    @property
    def header(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def isa(self) -> str: ...

def read_plan_header(path: str) -> str: ...
def cpu_capabilities() -> dict[str, Any]: ...

# single operations on (channels, height, width), for tests
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
