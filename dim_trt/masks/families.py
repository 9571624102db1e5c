"""How networks are fed whose file does not say it: known families, told apart by the file's name.

Facts, from the programs that the networks came with: U²-Net (github.com/xuebinqin/U-2-Net), IS-Net (xuebinqin/DIS),
MODNet (ZHKKKe/MODNet), BiRefNet (ZhengPeng7/BiRefNet), RMBG 1.4 and 2.0 (briaai), and rembg, which hosts most of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dim_trt.errors import InvalidInput

Triple = tuple[float, float, float]
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Normalization:
    """What is fed of a color c in 0..1, by channel, red first: (c - mean) / std."""

    mean: Triple
    std: Triple


NORMALIZATIONS = {
    "imagenet": Normalization(IMAGENET_MEAN, IMAGENET_STD),
    "unit": Normalization((0, 0, 0), (1, 1, 1)),
    "centered": Normalization((0.5, 0.5, 0.5), (1, 1, 1)),
    "symmetric": Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
NORMALIZATION_FORMAT = "R,G,B/R,G,B"


@dataclass(frozen=True)
class Family:
    """`names`: a pattern that the file's name begins with. `side_px`: of the input, where the graph leaves it open."""

    names: str
    normalization: Normalization
    side_px: int


FAMILIES = (
    Family(r"u-?2-?net|silueta", NORMALIZATIONS["imagenet"], 320),
    Family(r"is-?net-?anime", Normalization(IMAGENET_MEAN, (1, 1, 1)), 1024),
    Family(r"(bria-)?rmbg-?1|is-?net|dis\b", NORMALIZATIONS["centered"], 1024),
    Family(r"modnet", NORMALIZATIONS["symmetric"], 512),
    Family(r"birefnet|bria|rmbg-?2", NORMALIZATIONS["imagenet"], 1024),
)


def family_of(stem: str) -> Family | None:
    """The family of a file, by its name without suffix; None for an unknown one."""
    name = stem.lower().replace("_", "-").replace("²", "2")
    return next((family for family in FAMILIES if re.match(family.names, name)), None)


def parse_normalization(text: str) -> Normalization:
    """One of `NORMALIZATIONS` by name, or mean and std such as '0.5,0.5,0.5/1,1,1'. Raises InvalidInput."""
    if text in NORMALIZATIONS:
        return NORMALIZATIONS[text]
    number = r"\d*\.?\d+"
    triple = rf"({number}),({number}),({number})"
    match = re.fullmatch(f"{triple}/{triple}", text)
    values = tuple(float(value) for value in match.groups()) if match else ()
    if not values or min(values[3:]) <= 0:
        names = ", ".join(NORMALIZATIONS)
        raise InvalidInput(
            f"normalization: expected one of {names}, or mean and standard deviation of colors in 0..1 as "
            f"{NORMALIZATION_FORMAT}, got {text!r}"
        )
    return Normalization((values[0], values[1], values[2]), (values[3], values[4], values[5]))
