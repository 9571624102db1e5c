"""How far alphas are from PyTorch's float32 and from float64, on unknown pixels.

Where the two largest values of a pooling window differ by less than rounding, any float32 program, PyTorch as well, may
take the other one, and unpooling then moves a value by a pixel: among millions of random windows there are some. So
the engine is also compared with a PyTorch that takes the engine's argmax, which leaves arithmetic alone to differ.
"""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.methods import PYTORCH
from benchmarks.pictures import Picture
from benchmarks.records import Difference, Float64Error, SameArgmax, Worth
from dim_trt import _core
from training import model as networks
from training.data.preprocess import network_input

STRIP_BYTES = 512 << 20  # of unfolded input that a float64 convolution may take at once
TOLERANCE = 1e-4  # of alpha, against PyTorch's float32


@torch.inference_mode()
def float32_alpha(model: nn.Module, picture: Picture) -> NDArray[np.float32]:
    """PyTorch's own."""
    height, width = picture.trimap.shape
    x = torch.from_numpy(network_input(picture.img, picture.trimap))[None]
    alpha: NDArray[np.float32] = model(x)[0, 0, :height, :width].numpy()
    return alpha


def same_argmax(model: nn.Module, plan: Path, picture: Picture) -> SameArgmax:
    """The engine beside a PyTorch that takes the engine's maxima."""
    options = _core.EngineOptions()
    options.rgb = True
    engine = _core.Engine(str(plan), options)
    argmax = engine.argmax(picture.img, picture.trimap)
    gaps: list[float] = []
    windows = differing = 0

    def pool(x: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal windows, differing
        values, indices = F.max_pool2d(x, 2, return_indices=True)
        codes = torch.from_numpy(argmax[len(gaps)]).long()[None]  # [1, C, H, W]
        computed = codes < 4
        rows, columns = 2 * torch.arange(codes.shape[2])[:, None], 2 * torch.arange(codes.shape[3])
        given = torch.where(computed, (rows + codes // 2) * x.shape[3] + columns + codes % 2, indices)
        chosen = x.flatten(2).gather(2, given.flatten(2)).view_as(values)
        windows += int(computed.sum())
        differing += int((given != indices).sum())
        gaps.append(float((values - chosen).max() / values.abs().max()))
        return chosen, given

    with mock.patch.object(networks, "max_pool", pool):
        expected = float32_alpha(model, picture)
    difference = np.abs(engine.run(picture.img, picture.trimap) - expected)[picture.unknown]
    return SameArgmax(
        max_abs_same_argmax=float(difference.max()),
        pooling_windows=windows,
        windows_of_another_argmax=differing,
        largest_gap=max(gaps),
    )


@torch.inference_mode()
def float64_alpha(model: nn.Module, picture: Picture) -> NDArray[np.float64]:
    """The reference. PyTorch unfolds float64 convolutions, 25 times the map: here in strips of rows."""
    height, width = picture.trimap.shape
    x = torch.from_numpy(network_input(picture.img, picture.trimap))[None]
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    for conv in convolutions:
        conv.forward = lambda x, conv=conv: _conv_in_strips(conv, x)  # type: ignore[method-assign, misc]
    try:
        alpha: NDArray[np.float64] = model.double()(x.double())[0, 0, :height, :width].numpy()
    finally:
        model.float()
        for conv in convolutions:
            del conv.forward
    return alpha


def _conv_in_strips(conv: nn.Conv2d, x: Tensor) -> Tensor:
    n, channels, height, width = x.shape
    radius = conv.kernel_size[0] // 2
    rows = max(1, STRIP_BYTES // (8 * channels * conv.kernel_size[0] ** 2 * width))
    padded = F.pad(x, (0, 0, radius, radius))
    out = x.new_empty(n, conv.out_channels, height, width)
    for y in range(0, height, rows):
        strip = padded[:, :, y : min(y + rows, height) + 2 * radius]
        out[:, :, y : y + rows] = F.conv2d(strip, conv.weight, conv.bias, padding=(0, radius))
    return out


def errors(
    alphas: dict[str, NDArray[np.float32]], reference: NDArray[np.float64] | None, unknown: NDArray[np.bool_]
) -> dict[str, Worth]:
    """By peer, on unknown pixels: the difference from PyTorch's float32, and with a reference the error against it."""
    table: dict[str, Worth] = {}
    for name, alpha in alphas.items():
        difference = np.abs(alpha.astype(np.float64) - alphas[PYTORCH])[unknown]
        assert np.isfinite(difference).all(), f"{name}: alpha is not finite everywhere"
        float64 = None
        if reference is not None:
            error = np.abs(alpha - reference)[unknown]
            float64 = Float64Error(
                rms_vs_float64=float(np.sqrt(np.mean(np.square(error)))),
                max_abs_vs_float64=float(error.max()),
                pixels_beyond_both=int(((error > TOLERANCE) & (difference > TOLERANCE)).sum()),
            )
        from_pytorch = Difference(
            max_abs_vs_pytorch=float(difference.max()),
            mean_abs_vs_pytorch=float(difference.mean()),
            pixels_beyond_tolerance=int((difference > TOLERANCE).sum()),
            unknown_px=int(unknown.sum()),
        )
        table[name] = Worth(difference=from_pytorch, float64=float64)
    return table
