"""From what is before a camera to the file that it writes; pictures are [N, C, H, W] float32 in 0..1."""

from __future__ import annotations

import torch
from torch import Tensor

from training.scenes.dice import Dice
from training.scenes.fields import gaussian_blur
from training.scenes.jpeg import jpeg

SHARP, SOFT = 0.3, 1.1  # deviations of the lens's blur, pixels
LENS_REACH = 3  # of its kernel, pixels


def lens(dice: Dice, pictures: Tensor) -> Tensor:
    return gaussian_blur(pictures, dice.uniform(SHARP, SOFT), LENS_REACH)


def mixed_in_light(dice: Dice, alpha: Tensor, foreground: Tensor, background: Tensor) -> Tensor:
    """The composite of display-encoded colors, mixed under a random gamma and encoded again."""
    gamma = dice.uniform(1.4, 2.4)
    return torch.lerp(background**gamma, foreground**gamma, alpha) ** (1 / gamma)


def mixture(dice: Dice, alpha: Tensor, foreground: Tensor, background: Tensor) -> Tensor:
    """What the camera sees: [N, 3, H, W].

    Light adds up before the camera encodes it. Cameras differ in how they encode (raw files hardly do): some pictures
    are mixed in light, and colors stay display-encoded on both sides of it.
    """
    image = torch.lerp(background, foreground, alpha)
    rows = dice.some(0.4)
    if len(rows):
        image[rows] = mixed_in_light(dice.of(len(rows)), alpha[rows], foreground[rows], background[rows])
    return image


def grain(dice: Dice, image: Tensor) -> Tensor:
    """Sensor noise, stronger where it is bright."""
    return image + dice.normals(*image.shape[1:]).mul_(dice.uniform(0, 0.025)) * (0.4 + image)


def compressed(dice: Dice, stored: Tensor) -> Tensor:
    return jpeg(stored, dice.one(dice.rng.integers(60, 98, dice.count)))


def stored(dice: Dice, image: Tensor) -> Tensor:
    """With noise and JPEG artefacts, as whole numbers 0..255; may change `image`."""
    image = dice.sometimes(0.7, grain, image)
    return dice.sometimes(0.4, compressed, image.mul_(255).round_().clamp_(0, 255))
