"""The paper's two losses, over the unknown region. All maps are [N, 1, H, W] floating point, colours [N, 3, H, W]."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-6


def unknown_mean(error: Tensor, unknown: Tensor) -> Tensor:
    """Mean of sqrt(error² + ε²) over unknown pixels (and channels); 0, with zero gradient, if there are none."""
    weight = unknown.to(error.dtype).expand_as(error)
    smooth = torch.sqrt(error.square() + EPSILON**2)  # ε keeps the gradient finite at 0
    return (smooth * weight).sum() / weight.sum().clamp(min=1)


def alpha_loss(predicted: Tensor, alpha: Tensor, unknown: Tensor) -> Tensor:
    """Distance between the predicted and the true alpha."""
    return unknown_mean(predicted - alpha, unknown)


def composition_loss(
    predicted: Tensor, alpha: Tensor, foreground: Tensor, background: Tensor, unknown: Tensor
) -> Tensor:
    """Distance between the composites made with the predicted and with the true alpha.

    Both composites are made here, from the true display-encoded colours in 0..1, so they agree where alpha does;
    the picture itself is no reference, as it was mixed in the camera's light, with noise and JPEG artefacts.
    """
    return unknown_mean((predicted - alpha) * (foreground - background), unknown)


def matting_loss(
    predicted: Tensor, alpha: Tensor, foreground: Tensor, background: Tensor, unknown: Tensor, weight: float = 0.5
) -> Tensor:
    """weight · alpha loss + (1 - weight) · composition loss."""
    composition = composition_loss(predicted, alpha, foreground, background, unknown)
    return weight * alpha_loss(predicted, alpha, unknown) + (1 - weight) * composition
