"""The step of `training.scenes.distance` that goes over columns, as one Triton kernel.

In PyTorch it is two operations on all pixels for each row above and below; here a pixel stays where it is computed.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

COLUMNS = 128  # of one program


@triton.jit  # type: ignore[untyped-decorator]
def least_over_rows(rows, out, height, width, reach, columns: tl.constexpr):  # type: ignore[no-untyped-def]
    """out[plane, y, x] = sqrt(min over |k| <= reach of rows[plane, y + k, x] + k²), at most reach + 1."""
    plane, y = tl.program_id(0).to(tl.int64), tl.program_id(1)
    x = tl.program_id(2) * columns + tl.arange(0, columns)
    last = height - 1 - y
    inside = x < width
    at = plane * height * width + y * width + x
    far = (reach + 1.0) * (reach + 1.0)
    best = tl.load(rows + at, mask=inside, other=0.0)
    for k in range(1, reach + 1):
        above = tl.load(rows + at - k * width, mask=inside & (x * 0 + y >= k), other=far)
        below = tl.load(rows + at + k * width, mask=inside & (x * 0 + last >= k), other=far)
        best = tl.minimum(best, tl.minimum(above, below) + k * k)
    tl.store(out + at, tl.minimum(tl.sqrt(best), reach + 1.0), mask=inside)


def distance_over_rows(rows: Tensor, reach: int) -> Tensor:
    """[..., H, W] float32, contiguous: squared distances in each row -> distances."""
    height, width = rows.shape[-2:]
    out = torch.empty_like(rows)
    grid = (rows.numel() // (height * width), height, triton.cdiv(width, COLUMNS))
    least_over_rows[grid](rows, out, height, width, reach, columns=COLUMNS)
    return out
