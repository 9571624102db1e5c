"""Exact Euclidean distances on batches of masks."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

FAR = 1e4  # pixels; no picture is so large, and its square is exact


def distance(mask: Tensor, reach: int) -> Tensor:
    """[..., H, W] bool -> float32: pixels to the nearest True one, or `reach` + 1 where that is farther, or none is.

    Exact up to `reach`.
    """
    if mask.device.type == "cpu":
        return distance_by_opencv(mask, reach)
    return over_rows(mask.device)(row_distance(mask, reach), reach)


@functools.cache
def over_rows(device: torch.device) -> Callable[[Tensor, int], Tensor]:
    """The fastest `distance_over_rows` that this device has; says in one line where that is not the kernel."""
    try:
        from training.scenes.distance_cuda import distance_over_rows as by_kernel

        by_kernel(torch.zeros((1, 2, 2), device=device), 1)  # compiles
    except Exception as error:  # triton, its compiler and the driver each have errors of their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        warnings.warn(f"distances for trimaps come from PyTorch, several times slower: no Triton kernel ({reason})",
                      stacklevel=2)  # fmt: skip
        return distance_over_rows
    return by_kernel


def distance_by_opencv(mask: Tensor, reach: int) -> Tensor:
    """Picture by picture; the fastest on a CPU."""
    planes = np.logical_not(mask.flatten(0, -3).numpy()).view(np.uint8)
    result = np.full(planes.shape, reach + 1, np.float32)
    for plane, out in zip(planes, result, strict=True):
        if not plane.all():  # else there is nothing to measure to
            cv2.distanceTransform(plane, cv2.DIST_L2, cv2.DIST_MASK_PRECISE, out)
    return torch.from_numpy(np.minimum(result, reach + 1, out=result)).view(mask.shape)


def row_distance(mask: Tensor, reach: int) -> Tensor:
    """Squared distance to the nearest True pixel of the same row, or more than `reach` squared."""
    at = torch.arange(mask.shape[-1], dtype=torch.float32, device=mask.device)
    before = torch.where(mask, at, -FAR).cummax(-1).values
    after = torch.where(mask, at, FAR).flip(-1).cummin(-1).values.flip(-1)
    return torch.minimum(at - before, after - at).clamp_(max=reach + 1).square_()


def distance_over_rows(rows: Tensor, reach: int) -> Tensor:
    """[..., H, W] squared distances in each row -> distances: the least of row distance² + k² over the rows k above and
    below."""
    best = rows.clone()
    for k in range(1, min(reach + 1, rows.shape[-2])):
        torch.minimum(best[..., k:, :], rows[..., :-k, :] + k * k, out=best[..., k:, :])
        torch.minimum(best[..., :-k, :], rows[..., k:, :] + k * k, out=best[..., :-k, :])
    return best.sqrt_().clamp_(max=reach + 1)
