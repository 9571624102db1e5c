"""Draws the pictures that int8 plans are calibrated with when the user gives none: dim_trt/calibration.

    python -m benchmarks.calibration -o dim_trt/calibration

One scene of each of eight families by `training.scenes.drawing`, as x.jpg and x_trimap.png. Scenes drawn by a later
version of the training code are other scenes, and as good. Needs the extra train.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from training.scenes.drawing import draw_scene
from training.scenes.textures import Size

FAMILIES = ("hair", "fur", "leaves", "branches", "smoke", "glass", "solid", "several")
SIZE = Size(256, 320)
JPEG_QUALITY = 92
SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the pictures")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    for number, family in enumerate(FAMILIES):
        scene = draw_scene(np.random.default_rng((SEED, number)), SIZE, family)
        unknown = float(((scene.trimap != 0) & (scene.trimap != 255)).mean())
        image, trimap = (args.output / name for name in (f"{family}.jpg", f"{family}_trimap.png"))
        jpeg = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        if not cv2.imwrite(str(image), cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR), jpeg):
            raise SystemExit(f"cannot write {image}")
        if not cv2.imwrite(str(trimap), scene.trimap, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
            raise SystemExit(f"cannot write {trimap}")
        print(f"{image}  unknown {unknown:.2f}")


if __name__ == "__main__":
    main()
