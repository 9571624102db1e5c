"""A contact sheet of drawn scenes, one row per family."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import Error
from dim_trt.pictures.files import write_image
from training.scenes.drawing import draw_scene
from training.scenes.families import FAMILIES
from training.scenes.textures import Size

SHEET_TILE = Size(160, 200)


def contact_sheet(seed: int, columns: int = 6, tile: Size = SHEET_TILE) -> NDArray[np.uint8]:
    """One row per family of image, trimap and alpha in turn, RGB."""
    rows = []
    for number, family in enumerate(FAMILIES):
        tiles = []
        for column in range(columns):
            scene = draw_scene(np.random.default_rng((seed, number, column)), Size(320, 400), family)
            grays = [
                cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB) for gray in (scene.trimap, (scene.alpha * 255).astype(np.uint8))
            ]
            tiles += [cv2.resize(part, tile[::-1], interpolation=cv2.INTER_AREA) for part in (scene.image, *grays)]
        rows.append(np.hstack(tiles))
    return np.vstack(rows)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Writes a contact sheet of scenes, one row per family.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--columns", type=int, default=6, help="scenes of each family")
    options = parser.parse_args(arguments)
    sheet = contact_sheet(options.seed, options.columns)
    try:
        write_image(options.out, np.ascontiguousarray(sheet[:, :, ::-1]), "out")
    except Error as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
