"""Exact Euclidean distances on batches of masks."""

from __future__ import annotations

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
    return distance_by_columns(mask, reach)


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


def distance_by_columns(mask: Tensor, reach: int) -> Tensor:
    """The least of row distance² + k² over the rows k above and below, for all pictures at once."""
    rows = row_distance(mask, reach)
    best = rows.clone()
    for k in range(1, min(reach + 1, mask.shape[-2])):
        torch.minimum(best[..., k:, :], rows[..., :-k, :] + k * k, out=best[..., k:, :])
        torch.minimum(best[..., :-k, :], rows[..., k:, :] + k * k, out=best[..., :-k, :])
    return best.sqrt_().clamp_(max=reach + 1)
