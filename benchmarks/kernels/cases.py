"""The convolutions of a network and the ways to compute each: operands, results and how many products they take."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import dim_trt
from training.model import CONFIGS, CONV6, DeepImageMatting, ModelConfig

LANES = 16  # channels in a block of memory; layers are filled up with zeros to whole blocks
PRODUCTS = {  # per tile, its height and width
    ("winograd", 3): (24, 2, 4),
    ("winograd-ties", 3): (16, 2, 2),
    ("winograd", 5): (36, 2, 2),
    ("row-winograd", 3): (18, 1, 4),
    ("row-winograd", 5): (30, 1, 2),
}
QUAD_PRODUCTS = 16  # of int8 Winograd's tiles of 2x2
INT8_MAX, WEIGHT_STEPS = 127, 40  # weights of one standard deviation are so many steps
OUT_SCALE = 0.05  # a step of quantized results, which are of order one
LARGE_CONV6 = "7x7x4096"  # the paper's, and the only 7×7 kernel


@dataclass(frozen=True)
class Layer:
    """`height` and `width` are those of the output, before pooling."""

    name: str
    cin: int
    cout: int
    kernel: int
    height: int
    width: int
    pool: bool = False  # pooled in the epilogue
    unpool: bool = False  # of an input half as large
    skip: bool = False  # the encoder's feature is added to the unpooled input

    @property
    def dense_products(self) -> int:
        return self.cin * self.cout * self.kernel**2 * self.height * self.width


@dataclass(frozen=True)
class Case:
    """`algorithm`: as in _testing.conv2d. Where `unpool` is off for a layer that has it, zeros are multiplied, too."""

    layer: Layer
    algorithm: str
    density: float | None = None  # share of non-zero values before unpooling
    quantized: bool = False  # of whole numbers, to whole numbers

    @property
    def kernel_name(self) -> str:
        layer, side = self.layer, f"{self.layer.kernel}x{self.layer.kernel}"
        if self.quantized:
            return f"int8 {side} {self.algorithm}{' + pool' if layer.pool else ''}"
        if self.algorithm == "direct" and layer.unpool:
            return f"unpool {side} gather"
        name = "head" if layer.cout == 1 else self.algorithm.replace("-ties", ", keeps ties").replace("-", " ")
        return f"{'unpool ' if layer.unpool else ''}{side} {name}{' + pool' if layer.pool else ''}"


def layers_of(config: ModelConfig, height: int, width: int) -> Iterator[Layer]:
    """At the scales where a picture of that size meets them; of several equal ones the first."""
    with torch.device("meta"):
        model = DeepImageMatting(config)
    pooled = {id(block[-1]) for block in model.encoder_blocks()}
    seen: set[tuple[Any, ...]] = set()
    for name, block in model.named_children():
        conv = block.conv
        assert isinstance(conv, torch.nn.Conv2d)
        depth = _depth(name)
        unpool = name.startswith("deconv") and name != "deconv6"
        shape = (
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size[0],
            max(height >> depth, 2),
            max(width >> depth, 2),
        )
        layer = Layer(name, *shape, pool=id(block) in pooled, unpool=unpool, skip=unpool and config.skip)
        key = (*shape, layer.pool, layer.unpool)
        if key not in seen:
            seen.add(key)
            yield layer


def _depth(name: str) -> int:
    """How many poolings lie between the input and a layer's output."""
    encoder, decoder = re.fullmatch(r"conv(\d)_\d", name), re.fullmatch(r"deconv(\d)", name)
    if name == "conv6" or name == "deconv6":
        return 5
    return int((encoder or decoder)[1]) - 1 if encoder or decoder else 0  # type: ignore[index]


def cases(model: str, height: int, width: int, densities: list[float]) -> Iterator[Case]:
    """Every way that the engine has for every layer of the network."""
    for layer in layers_of(CONFIGS[model], height, width):
        if layer.unpool:
            yield Case(replace(layer, unpool=False, skip=False), "direct")
            for density in densities:
                yield Case(replace(layer, skip=False), "direct", density)
            yield from (Case(layer, algorithm, densities[0]) for algorithm in ("winograd", "row-winograd"))
            continue
        yield Case(layer, "direct")
        if layer.cin == 4 or layer.cout == 1:
            continue
        if layer.kernel == 3:
            yield from (Case(layer, "winograd-ties"), Case(layer, "winograd"))
            if not layer.pool:  # rows alone keep no ties
                yield Case(layer, "row-winograd")
        yield Case(layer, "direct", quantized=True)
        if layer.kernel == 3:
            yield Case(layer, "winograd", quantized=True)
    if model == "full":
        kernel, channels = CONV6[LARGE_CONV6]
        small_height, small_width = (max(side >> 5, 2) for side in (height, width))
        large = Layer(f"conv6 {LARGE_CONV6}", CONFIGS[model].channels(512), channels, kernel, small_height, small_width)
        yield Case(large, "direct")


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
    if case.quantized:
        x, weight = np.rint(x * INT8_MAX), np.clip(np.rint(weight * WEIGHT_STEPS), -INT8_MAX, INT8_MAX)
        scale = np.full(layer.cout, 1 / (INT8_MAX * WEIGHT_STEPS * np.sqrt(fan_in)), np.float32)
        return Operands(x, weight, bias, None, None, scale)
    weight /= np.sqrt(fan_in)
    codes = rng.integers(0, 4, x.shape, dtype=np.uint8) if layer.unpool else None
    add = rng.random((layer.cin, layer.height, layer.width), np.float32) if layer.skip else None
    return Operands(x, weight, bias, codes, add)


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
        out = testing().quantized_conv2d(*quantized, pool=case.layer.pool, **options)[0]
    elif given.codes is not None:
        out = testing().unpool_conv2d(given.input, given.codes, given.add, given.weight, given.bias, **options)
    elif case.layer.pool:
        out = testing().conv2d_max_pool(given.input, given.weight, given.bias, **options)[0]
    else:
        out = testing().conv2d(given.input, given.weight, given.bias, **options)
    return out


def seconds(case: Case, given: Operands, isa: str, threads: int, runs: int) -> list[float]:
    options: dict[str, Any] = {"pool": case.layer.pool, "algorithm": case.algorithm, "isa": isa, "threads": threads}
    taken: list[float]
    if given.scale is not None:
        quantized = (given.input, given.weight, given.scale, given.bias)
        taken = testing().quantized_layer_seconds(*quantized, out_scale=OUT_SCALE, runs=runs, **options)
    else:
        unpooled = {"codes": given.codes, "add": given.add}
        taken = testing().layer_seconds(given.input, given.weight, given.bias, runs=runs, **options, **unpooled)
    return taken


def is_refused(case: Case, isa: str) -> bool:
    """Whether the instruction set has no such kernel: int8 Winograd is for those without dot products of bytes."""
    if not case.quantized:
        return False
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
    if case.quantized and case.algorithm == "winograd":
        return QUAD_PRODUCTS * -(-layer.height // 2) * -(-layer.width // 2) * cin * cout
    if (case.algorithm, layer.kernel) in PRODUCTS:
        products, tile_height, tile_width = PRODUCTS[case.algorithm, layer.kernel]
        return products * -(-layer.height // tile_height) * -(-layer.width // tile_width) * cin * cout
    if given.codes is None:
        return cin * cout * layer.kernel**2 * layer.height * layer.width
    # The gather: where a kernel covers both rows of a quad of output pixels each value is multiplied for those that
    # read it, where it covers one for both pixels of that row.
    half_height, half_width = given.input.shape[1:]
    _, y, x = np.nonzero(given.input)
    code = given.codes[given.input != 0]
    rows, row_quads = _covered(2 * y + code // 2, layer.kernel, 2 * half_height)
    columns, column_quads = _covered(2 * x + code % 2, layer.kernel, 2 * half_width)
    whole_quads = rows - row_quads
    half_quads = row_quads - whole_quads
    return int((2 * whole_quads * columns + 2 * half_quads * column_quads).sum()) * cout


def _covered(places: NDArray[np.int64], kernel: int, side: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many of `side` pixels a kernel around each place covers, and how many pairs of pixels those belong to."""
    first, last = np.maximum(places - kernel // 2, 0), np.minimum(places + kernel // 2, side - 1)
    return last - first + 1, last // 2 - first // 2 + 1


def _filled(channels: int) -> int:
    return -(-channels // LANES) * LANES
