"""Image, trimap, alpha and composite beside one another: the figure of the README; and what --auto makes of an image.

python -m benchmarks.side_by_side --image I --trimap T --alpha A --composite C -o out/side_by_side.png
python -m benchmarks.side_by_side --image I --auto u2netp.onnx --background B -o docs/auto.jpg
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

import dim_trt
from dim_trt.auto_arguments import add_auto_argument
from dim_trt.errors import Error
from dim_trt.masks import Automatic, open_source
from dim_trt.pictures.composite import composite, cover
from dim_trt.pictures.files import read_image, write_image
from dim_trt.trimaps import from_soft_mask

NAMES = ("image", "trimap", "alpha", "composite")
GAP_PX = 6
FONT = cv2.FONT_HERSHEY_SIMPLEX


def panel(picture: np.ndarray, caption: str, height_px: int) -> np.ndarray:
    """The picture at the given height with its caption below, on white."""
    height, width = picture.shape[:2]
    width_px = max(1, round(width * height_px / height))
    smooth = cv2.INTER_AREA if height_px < height else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, (width_px, height_px), interpolation=smooth)
    strip = np.full((max(20, height_px // 10), width_px, 3), 255, np.uint8)
    font_scale = strip.shape[0] / 52
    (text_width, text_height), _ = cv2.getTextSize(caption, FONT, font_scale, 1)
    corner = ((width_px - text_width) // 2, (strip.shape[0] + text_height) // 2)
    cv2.putText(strip, caption, corner, FONT, font_scale, (60, 60, 60), 1, cv2.LINE_AA)
    return np.vstack([scaled, strip])


def side_by_side(pictures: dict[str, np.ndarray], height_px: int) -> np.ndarray:
    panels = [panel(picture, caption, height_px) for caption, picture in pictures.items()]
    gap = np.full((panels[0].shape[0], GAP_PX, 3), 255, np.uint8)
    return np.hstack([part for one in panels for part in (gap, one)][1:])


def given(arguments: argparse.Namespace) -> dict[str, np.ndarray]:
    """Pictures that are there."""
    if missing := [f"--{name}" for name in NAMES if getattr(arguments, name) is None]:
        raise ValueError(f"{', '.join(missing)}: expected with the others, or --auto and --background")
    pictures = {name: read_image(getattr(arguments, name), name) for name in NAMES}
    sizes = {name: picture.shape[:2] for name, picture in pictures.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {width}×{height}" for name, (height, width) in sizes.items())
        raise ValueError(f"pictures of one size (width×height) expected, got {listed}")
    return pictures


def found(arguments: argparse.Namespace) -> dict[str, np.ndarray]:
    """What comes of a picture alone."""
    if arguments.background is None:
        raise ValueError("--background: expected with --auto")
    img, background = read_image(arguments.image), read_image(arguments.background, "background")
    mask = Automatic(open_source(arguments.auto)).mask(img)
    trimap = from_soft_mask(img, mask)
    with dim_trt.Engine("lite") as engine:
        alpha = engine.run(img, trimap)
        foreground, _ = engine.foreground(img, alpha)
    gray = {"mask": np.rint(mask * 255).astype(np.uint8), "trimap": trimap}
    return {
        "image": img,
        **{name: cv2.cvtColor(levels, cv2.COLOR_GRAY2BGR) for name, levels in gray.items()},
        "composite": composite(foreground, alpha, cover(background, alpha.shape)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.side_by_side",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in NAMES:
        parser.add_argument(f"--{name}", type=Path, required=name == "image")
    add_auto_argument(parser, "in place of trimap, alpha and composite")
    parser.add_argument("--background", type=Path, help="with --auto")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--height-px", type=int, default=360, help="height of each picture (default 360)")
    arguments = parser.parse_args()
    try:
        if not 16 <= arguments.height_px <= 8192:
            raise ValueError(f"--height-px: expected 16 to 8192, got {arguments.height_px}")
        pictures = found(arguments) if arguments.auto else given(arguments)
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        write_image(arguments.output, side_by_side(pictures, arguments.height_px))
    except (OSError, ValueError, Error) as error:
        sys.exit(f"side_by_side: {error}")


if __name__ == "__main__":
    main()
