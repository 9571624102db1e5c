"""What the ways to compute a convolution are given, what they give, and how many products they take."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dim_trt
from benchmarks.kernels.cases import Case

LANES = 16  # channels in a block of memory; layers are filled up with zeros to whole blocks
PRODUCTS = {  # per tile, its height and width
    ("winograd", 3): (24, 2, 4),
    ("winograd-ties", 3): (16, 2, 2),
    ("winograd", 5): (36, 2, 2),
    ("row-winograd", 3): (18, 1, 4),
    ("row-winograd", 5): (30, 1, 2),
}
DOT_CHANNELS = 4  # that a dot product sums up
INT8_MAX, WEIGHT_STEPS = 127, 40  # weights of one standard deviation are so many steps
OUT_SCALE = 0.05  # a step of quantized results, which are of order one


@dataclass(frozen=True)
class Operands:
    input: NDArray[np.float32]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    codes: NDArray[np.uint8] | None
    add: NDArray[np.float32] | None
    scale: NDArray[np.float32] | None = None  # of a quantized one's products


def operands(case: Case) -> Operands:
    """Random, as ReLU leaves maps; results are of order one."""
    layer, rng = case.layer, np.random.default_rng(0)
    half = 2 if layer.unpool else 1
    x = rng.random((layer.cin, layer.height // half, layer.width // half), np.float32)
    if case.density is not None:
        x[rng.random(x.shape, np.float32) >= case.density] = 0
    fan_in = np.float32(layer.cin * layer.kernel**2)
    weight = rng.standard_normal((layer.cout, layer.cin, layer.kernel, layer.kernel), np.float32)
    bias = rng.standard_normal(layer.cout, np.float32)
    codes = rng.integers(0, 4, x.shape, dtype=np.uint8) if layer.unpool else None
    add = rng.random((layer.cin, layer.height, layer.width), np.float32) if layer.skip else None
    if not case.quantized:
        return Operands(x, weight / np.sqrt(fan_in), bias, codes, add)
    x, weight = np.rint(x * INT8_MAX), np.clip(np.rint(weight * WEIGHT_STEPS), -INT8_MAX, INT8_MAX)
    add = None if add is None else np.rint(add * INT8_MAX)
    scale = np.full(layer.cout, 1 / (INT8_MAX * WEIGHT_STEPS * np.sqrt(fan_in)), np.float32)
    return Operands(x, weight, bias, codes, add, scale)


def testing() -> Any:
    """The compiled module with single layers, which wheels do not hold."""
    try:
        from dim_trt import _testing
    except ImportError:
        sys.exit("dim_trt._testing was not built; run make .venv/bench.stamp")
    return _testing


def result(case: Case, given: Operands, isa: str, threads: int) -> NDArray[np.float32]:
    options: dict[str, Any] = {"relu": True, "algorithm": case.algorithm, "isa": isa, "threads": threads}
    out: NDArray[np.float32]
    if given.scale is not None:
        quantized = (given.input, given.weight, given.scale, given.bias)
        options |= {"codes": given.codes, "add": given.add, "pool": case.layer.pool}
        out = testing().quantized_conv2d(*quantized, **options)[0]
    elif given.codes is not None:
        out = testing().unpool_conv2d(given.input, given.codes, given.add, given.weight, given.bias, **options)
    elif case.layer.pool:
        out = testing().conv2d_max_pool(given.input, given.weight, given.bias, **options)[0]
    else:
        out = testing().conv2d(given.input, given.weight, given.bias, **options)
    return out


def seconds(case: Case, given: Operands, isa: str, threads: int, runs: int) -> list[float]:
    options: dict[str, Any] = {"pool": case.layer.pool, "algorithm": case.algorithm, "isa": isa, "threads": threads}
    options |= {"codes": given.codes, "add": given.add, "runs": runs}
    taken: list[float]
    if given.scale is not None:
        quantized = (given.input, given.weight, given.scale, given.bias)
        taken = testing().quantized_layer_seconds(*quantized, out_scale=OUT_SCALE, **options)
    else:
        taken = testing().layer_seconds(given.input, given.weight, given.bias, **options)
    return taken


def is_refused(case: Case, isa: str) -> bool:
    """Whether the instruction set has no such kernel of whole numbers.

    Winograd is for those of x86, unpooled maps for those whose dot products take 0 to 255.
    """
    if not case.quantized:
        return False
    if case.layer.unpool:
        return not (isa == "scalar" or isa.endswith("_vnni"))
    given = operands(replace(case, layer=replace(case.layer, cin=LANES, cout=LANES, height=2, width=2)))
    try:
        result(case, given, isa, 1)
    except dim_trt.InvalidInput:
        return True
    return False


def real_products(case: Case, given: Operands) -> int:
    """Multiplications that the kernel does for the sums, those of filled-up channels and partial tiles included."""
    layer = case.layer
    cin = 4 if layer.cin == 4 and case.algorithm == "direct" and layer.cout > 1 else _filled(layer.cin)
    cout = 1 if layer.cout == 1 else _filled(layer.cout)
    if (case.algorithm, layer.kernel) in PRODUCTS:
        products, tile_height, tile_width = PRODUCTS[case.algorithm, layer.kernel]
        return products * -(-layer.height // tile_height) * -(-layer.width // tile_width) * cin * cout
    if given.codes is None or (case.quantized and layer.skip):
        return cin * cout * layer.kernel**2 * layer.height * layer.width
    # The gather: where a kernel covers both rows of a quad of output pixels each value is multiplied for those that
    # read it, where it covers one for both pixels of that row.
    half_height, half_width = given.input.shape[1:]
    at_code = (given.input != 0) & (given.codes == np.arange(4, dtype=np.uint8)[:, None, None, None])
    if case.quantized:  # four channels at once, if one of them is not zero
        channels = np.pad(at_code, [(0, 0), (0, -layer.cin % DOT_CHANNELS), (0, 0), (0, 0)])
        at_code = channels.reshape(4, -1, DOT_CHANNELS, half_height, half_width).any(2)
    code, _, y, x = np.nonzero(at_code)
    rows, row_quads = _covered(2 * y + code // 2, layer.kernel, 2 * half_height)
    columns, column_quads = _covered(2 * x + code % 2, layer.kernel, 2 * half_width)
    whole_quads = rows - row_quads
    half_quads = row_quads - whole_quads
    entries = int((2 * whole_quads * columns + 2 * half_quads * column_quads).sum())
    return entries * (DOT_CHANNELS if case.quantized else 1) * cout


def _covered(places: NDArray[np.int64], kernel: int, side: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many of `side` pixels a kernel around each place covers, and how many pairs of pixels those belong to."""
    first, last = np.maximum(places - kernel // 2, 0), np.minimum(places + kernel // 2, side - 1)
    return last - first + 1, last // 2 - first // 2 + 1


def _filled(channels: int) -> int:
    return -(-channels // LANES) * LANES
