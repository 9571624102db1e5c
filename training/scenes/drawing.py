"""Pictures with known alpha, drawn by rules: endless training data that belongs to nobody else.

A family paints one kind of foreground as a premultiplied RGBA layer; `compose` puts layers over backgrounds as a
camera would see them and adds trimaps, a batch at a time on any device. `draw_scene` is one picture of it all.
`python -m training.scenes` writes a contact sheet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.scenes import camera
from training.scenes.dice import Dice
from training.scenes.families import FAMILIES, likely_families
from training.scenes.fields import FAINT, coarse, enlarged_window, ramp, smooth_noise, spread_color, wide_blur
from training.scenes.painting import behind, front
from training.scenes.textures import Array, Rng, Size
from training.scenes.trimap import random_radii, random_trimaps

LIGHT_SIDE = 48  # pixels of the fields of light, which are smooth
SHADOW = (2.0, 12.0)  # deviations of its blur, pixels
SOFT = (2.0, 20.0)  # of what takes detail out of colors


@dataclass(frozen=True)
class Scene:
    """One drawn picture. All arrays are H×W.

    image: [H, W, 3] uint8 RGB as a camera would store it, with noise and JPEG artefacts.
    alpha: float32 in 0..1.
    foreground, background: [H, W, 3] float32 in 0..1, display-encoded as `image` is.
    trimap: uint8, 0 where alpha is 0, 255 where alpha is 1, else 128.
    """

    image: NDArray[np.uint8]
    alpha: Array
    foreground: Array
    background: Array
    trimap: NDArray[np.uint8]
    family: str


class Composites(NamedTuple):
    """The same for a batch: image [N, 3, H, W] float32, whole numbers 0..255; alpha [N, 1, H, W];
    foreground, background: [N, 3, H, W]; trimap: [N, 1, H, W] uint8."""

    image: Tensor
    alpha: Tensor
    foreground: Tensor
    background: Tensor
    trimap: Tensor


def light(dice: Dice, size: Size, share: float) -> Tensor:
    """Light and shade on objects, [N, 1, H, W], about 1: a slope, and soft folds as on a body with light from one side.

    share: how much of a whole scene's sides the picture shows.
    """
    scene = Size(*(max(2, round(LIGHT_SIDE * extent / max(size))) for extent in size))
    slope = 1 + dice.uniform(0, 0.8) * (ramp(dice, scene) - 0.5)
    folds = smooth_noise(dice, scene, (2, 4), 0.35) - 0.5
    return enlarged_window(dice, slope * torch.exp(dice.uniform(0.5, 2.4) * folds), share, size)


def lamps(dice: Dice) -> Tensor:
    """Color [N, 3, 1, 1] of the light on objects, or on what is behind them: warm to cool."""
    warmth, tint = dice.rng.normal(0, 0.15, dice.count), dice.rng.normal(0, 0.04, dice.count)
    return dice.tensor(np.exp(np.stack([warmth, tint, -warmth], 1)))[..., None, None]


def vivid(dice: Dice, colors: Tensor) -> Tensor:
    """With up to three times the saturation."""
    gray = colors.mean(1, keepdim=True)
    return torch.lerp(gray, colors, dice.uniform(1, 3)).clamp_(0, 1)


def one_hue(dice: Dice, colors: Tensor) -> Tensor:
    """Shades of a hue, as a material's under one light, and up to two fifths of what differs from them."""
    tint = torch.exp(0.8 * dice.normals(3, 1, 1))
    shades = colors.mean(1, keepdim=True) * tint / tint.amax(1, keepdim=True) * dice.uniform(1, 1.6)
    return torch.lerp(shades, colors, dice.uniform(0, 0.4)).clamp_(0, 1)


def near_colors(dice: Dice, foreground: Tensor, background: Tensor) -> Tensor:
    """Foregrounds whose colors hardly differ from the background's."""
    apart = background.mean((2, 3), keepdim=True) - foreground.mean((2, 3), keepdim=True)
    return (foreground + dice.uniform(0.3, 0.8) * apart).clamp_(0, 1)


def smooth(dice: Dice, colors: Tensor) -> Tensor:
    """Colors without detail, as of what is out of focus or of one material."""
    sigma = np.exp(dice.rng.uniform(math.log(SOFT[0]), math.log(SOFT[1]), dice.count))
    blurred = wide_blur(coarse(colors), dice.one(sigma), SOFT[1], Size(*colors.shape[2:]))
    return blurred.clamp_(0, 1)  # weights add up to 1 but for rounding


def muted(dice: Dice, colors: Tensor) -> Tensor:
    """Colors with less detail.

    On photographs a few pixels' foreground colors mostly lie near one line, and the background's, too, which is what
    closed-form matting stands on (Levin et al. 2008, section 3). Drawn textures alone would teach that they never do.
    """
    return torch.lerp(smooth(dice, colors), colors, dice.uniform(0, 0.5))


def shadow(dice: Dice, background: Tensor, alpha: Tensor) -> Tensor:
    """Darkens the background beside the object."""
    theta = np.tile(np.eye(2, 3, dtype=np.float32), (dice.count, 1, 1))
    theta[:, :, 2] = 2 * dice.rng.normal(0, 12, (dice.count, 2)) / alpha.shape[:1:-1]
    small = coarse(alpha)
    places = F.affine_grid(dice.tensor(theta), list(small.shape), align_corners=False)
    cast = F.grid_sample(small, places, "bilinear", "zeros", align_corners=False)
    cast = wide_blur(cast, dice.uniform(*SHADOW), SHADOW[1], Size(*alpha.shape[2:]))
    return background * (1 - dice.uniform(0.2, 0.8) * cast)


@torch.no_grad()
def compose(
    dice: Dice, layer: Tensor, background: Tensor, radii: NDArray[np.float32], share: float = 1.0, toned: bool = True
) -> Composites:
    """Layers over backgrounds, seen by a camera; both tensors may be changed.

    layer: [N, 4, H, W] premultiplied; background: [N, 3, H, W]; radii: [2, N] of the trimaps, in pixels;
    share: how much of a whole scene's sides they show; toned: with colors as photographs have them, of foregrounds one
    hue, saturated, and with less detail, of backgrounds smooth.
    """
    size = Size(*layer.shape[2:])
    layer = dice.sometimes(0.6, camera.lens, layer)
    alpha = layer[:, 3:].clamp(0, 1)
    alpha = torch.where(alpha < FAINT, 0, torch.where(alpha > 1 - FAINT, 1, alpha))
    foreground = spread_color(layer).mul_(light(dice, size, share)).mul_(lamps(dice)).clamp_(0, 1)
    background = (background * lamps(dice)).clamp_(0, 1)
    if toned:
        foreground = dice.sometimes(0.5, one_hue, foreground)
        foreground = dice.sometimes(0.5, vivid, foreground)
        foreground = dice.sometimes(0.6, muted, foreground)
        background = dice.sometimes(0.6, smooth, background)
    foreground = dice.sometimes(0.15, near_colors, foreground, background)
    background = dice.sometimes(0.3, shadow, background, alpha)
    image = camera.stored(dice, camera.mixture(dice, alpha, foreground, background))
    return Composites(image, alpha, foreground, background, random_trimaps(dice, alpha, radii, share))


def draw_scene(rng: Rng, size: Size, family: str | None = None) -> Scene:
    """One scene of a random family, or of the one named; the same generator state gives the same scene."""
    if family is None:
        family = str(rng.choice(list(FAMILIES), p=likely_families()))
    layer, background = (
        torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32))[None]
        for picture in (front(rng, size, family), behind(rng, size))
    )
    made = compose(Dice(rng, 1), layer, background, random_radii(rng, 1))
    colors = (made.image.to(torch.uint8), made.foreground, made.background)
    image, foreground, backdrop = (np.ascontiguousarray(part[0].permute(1, 2, 0).numpy()) for part in colors)
    return Scene(image, made.alpha[0, 0].numpy(), foreground, backdrop, made.trimap[0, 0].numpy(), family)
