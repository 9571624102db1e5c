"""The paper's two losses and two optional ones, over the unknown region; and the loss of masks.

All maps are [N, 1, H, W] floating point, `unknown` is [N, 1, H, W] bool, colors are [N, 3, H, W].
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

EPSILON = 1e-6
LEVELS = 5  # of the Laplacian pyramid


def unknown_mean(error: Tensor, unknown: Tensor) -> Tensor:
    """Mean of sqrt(error² + ε²) over unknown pixels (and channels); 0, with zero gradient, if there are none.

    `unknown` may also say which share of a pixel is unknown.
    """
    weight = unknown.to(error.dtype).expand_as(error)
    smooth = torch.sqrt(error.square() + EPSILON**2)  # ε keeps the gradient finite at 0
    return (smooth * weight).sum() / weight.sum().clamp(min=EPSILON)


def alpha_loss(predicted: Tensor, alpha: Tensor, unknown: Tensor) -> Tensor:
    """Distance between the predicted and the true alpha."""
    return unknown_mean(predicted - alpha, unknown)


def composition_loss(
    predicted: Tensor, alpha: Tensor, foreground: Tensor, background: Tensor, unknown: Tensor
) -> Tensor:
    """Distance between the composites made with the predicted and with the true alpha.

    Both composites are made here, from the true display-encoded colors in 0..1, so they agree where alpha does;
    the picture itself is no reference, as it was mixed in the camera's light, with noise and JPEG artefacts.
    """
    return unknown_mean((predicted - alpha) * (foreground - background), unknown)


def matting_loss(
    predicted: Tensor, alpha: Tensor, foreground: Tensor, background: Tensor, unknown: Tensor, weight: float = 0.5
) -> Tensor:
    """weight · alpha loss + (1 - weight) · composition loss."""
    composition = composition_loss(predicted, alpha, foreground, background, unknown)
    return weight * alpha_loss(predicted, alpha, unknown) + (1 - weight) * composition


def mask_loss(raw: Tensor, mask: Tensor) -> Tensor:
    """Binary cross entropy of a mask before the sigmoid, the mean over all pixels."""
    return F.binary_cross_entropy_with_logits(raw, mask)


def unknown_error(predicted: Tensor, alpha: Tensor, unknown: Tensor) -> Tensor:
    """How far the finished matte is off: known pixels come from the trimap, whatever the network says there."""
    return (predicted - alpha) * unknown


def sobel(x: Tensor) -> Tensor:
    """[N, 1, H + 2, W + 2] -> the slope along rows, [N, 1, H, W]; on a CPU a convolution takes five times as long."""
    across = x[..., 2:] - x[..., :-2]
    return (across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]) / 8


def gradient_loss(predicted: Tensor, alpha: Tensor, unknown: Tensor) -> Tensor:
    """Distance between the image gradients (Sobel; alpha per pixel) of the predicted and the true alpha.

    As in Tang et al., Learning-Based Sampling for Natural Image Matting, CVPR 2019, and in FBA matting
    (https://arxiv.org/abs/2003.07711), there over the whole picture. Gradients are linear: that of the error will do.
    """
    error = F.pad(unknown_error(predicted, alpha, unknown), (1, 1, 1, 1), mode="replicate")
    return unknown_mean(torch.cat([sobel(error), sobel(error.mT).mT], 1), unknown)  # [N, 2, H, W]


def laplacian_loss(predicted: Tensor, alpha: Tensor, unknown: Tensor) -> Tensor:
    """Sum over the bands of a Laplacian pyramid, finest first, of 2^band · distance of predicted and true band.

    As in Hou and Liu, Context-Aware Image Matting, ICCV 2019, and in FBA matting, there over the whole picture. The
    filter is the even binomial one: so a coarse pixel covers 2×2 finer ones, and its unknown share is their mean.
    """
    error, share = unknown_error(predicted, alpha, unknown), unknown.to(predicted.dtype)
    taps = error.new_tensor([1, 3, 3, 1]) / 8
    total = error.new_zeros(())
    for band in range(LEVELS):
        padded = F.pad(error, (1, 1, 1, 1), mode="replicate")
        coarse = F.conv2d(padded, torch.outer(taps, taps)[None, None], stride=2)  # [N, 1, h / 2, w / 2]
        fine = error - F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        total = total + 2**band * unknown_mean(fine, share)
        error, share = coarse, F.avg_pool2d(share, 2)
    return total
