"""The convolutions of a network and the ways to compute each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from training.model import CONFIGS, CONV6, DeepImageMatting, ModelConfig

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
            way = "gather" if layer.unpool and not layer.skip else self.algorithm
            return f"int8 {'unpool ' if layer.unpool else ''}{side} {way}{' + pool' if layer.pool else ''}"
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
            yield Case(layer, "direct", densities[0], quantized=True)
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
