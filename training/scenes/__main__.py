"""Scenes to look at and to measure: `python -m training.scenes --out sheet.png`, `--statistics`.

The sheet has a row for each family. With --photographs there are rows of these as well, and a column of figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import Error
from dim_trt.pictures.files import write_image
from training.scenes.drawing import draw_scene
from training.scenes.families import FAMILIES
from training.scenes.statistics import drawn, photographs, table
from training.scenes.textures import Size

SHEET_TILE = Size(160, 200)


def tiles(image: NDArray[np.uint8], trimap: NDArray[np.uint8], alpha: NDArray[Any], tile: Size) -> list[Any]:
    """Image, trimap and alpha at the size of a tile, RGB."""
    grays = [cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB) for gray in (trimap, (alpha * 255).astype(np.uint8))]
    return [cv2.resize(part, tile[::-1], interpolation=cv2.INTER_AREA) for part in (image, *grays)]


def contact_sheet(
    seed: int, columns: int = 6, tile: Size = SHEET_TILE, folder: Path | None = None
) -> NDArray[np.uint8]:
    """One row per family of image, trimap and alpha in turn, RGB; below them the photographs in `folder`."""
    parts: list[Any] = []
    for number, family in enumerate(FAMILIES):
        for column in range(columns):
            scene = draw_scene(np.random.default_rng((seed, number, column)), Size(320, 400), family)
            parts += tiles(scene.image, scene.trimap, scene.alpha, tile)
    for picture in photographs(folder) if folder else ():
        parts += tiles(*picture, tile)
    wide = 3 * columns
    parts += [np.zeros((*tile, 3), np.uint8)] * (-len(parts) % wide)
    return np.vstack([np.hstack(parts[start : start + wide]) for start in range(0, len(parts), wide)])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="writes a contact sheet")
    parser.add_argument("--statistics", type=int, metavar="COUNT", help="prints figures of so many scenes")
    parser.add_argument("--photographs", type=Path, metavar="DIR", help="pictures of alphamatting.com to compare with")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--columns", type=int, default=6, help="scenes of each family")
    options = parser.parse_args(arguments)
    if not options.out and not options.statistics:
        parser.error("nothing to do: give --out FILE, --statistics COUNT or both")
    try:
        if options.statistics:
            pictures = {"drawn": drawn(options.statistics, options.seed)}
            if options.photographs:
                pictures["photographs"] = photographs(options.photographs)
            print(table(pictures))
        if options.out:
            sheet = contact_sheet(options.seed, options.columns, folder=options.photographs)
            write_image(options.out, np.ascontiguousarray(sheet[:, :, ::-1]), "out")
    except Error as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
