"""Batch norm folded into the convolution before it, in float64."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from training.model import Conv

EPSILON = 1e-5  # PyTorch's default, which all implementations keep


def fold(
    conv: tuple[Tensor, Tensor], norm: tuple[Tensor, Tensor, Tensor, Tensor], epsilon: float = EPSILON
) -> tuple[Tensor, Tensor]:
    """Weight and bias of one convolution that does what `conv` and then `norm` (weight, bias, mean, variance) do."""
    weight, bias = (values.double() for values in conv)
    gain, shift, mean, variance = (values.double() for values in norm)
    scale = gain / (variance + epsilon).sqrt()
    return weight * scale[:, None, None, None], (bias - mean) * scale + shift


NetworkT = TypeVar("NetworkT", bound=nn.Module)


@torch.no_grad()
def fold_batch_norm(model: NetworkT) -> NetworkT:
    """A copy for inference on the CPU without batch norm."""
    folded = copy.deepcopy(model).cpu().eval()
    for block in folded.modules():
        norm = getattr(block, "norm", None)
        if not isinstance(block, Conv) or not isinstance(norm, nn.BatchNorm2d):
            continue
        conv = block.conv
        assert isinstance(conv, nn.Conv2d)
        assert conv.bias is not None
        assert norm.running_mean is not None
        assert norm.running_var is not None
        statistics = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        weight, bias = fold((conv.weight, conv.bias), statistics, norm.eps)
        conv.weight.copy_(weight)
        conv.bias.copy_(bias)
        del block.norm
    return folded
