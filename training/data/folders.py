"""Foreground pictures with alpha, over backgrounds: each sample is composited anew.

Three layouts: `fg/` and `alpha/` with the same names (endings may differ) and `bg/` or a folder elsewhere; without
`alpha/`, cut-outs (transparent pictures) in `fg/`, or in the folder itself where there is no `fg/`; and that of
Composition-1k, `[Combined_Dataset/]Training_set/{Adobe-licensed images,Other}/{fg,alpha}` with the optional lists
`training_fg_names.txt` and `training_bg_names.txt`, one name a line, in `Training_set` or above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.reading import (
    ENDINGS,
    Alpha,
    Header,
    UnreadableError,
    alpha_of,
    color_of,
    decode,
    is_picture,
    opaque,
    read_headers,
)
from training.data.samples import DataError, Sample, sample
from training.data.spreading import spread
from training.scenes.trimap import random_trimap

PARTS = ("Adobe-licensed images", "Other")
MAX_NAMED = 10  # in one message
CROP_SCALES = (1.0, 1.5, 2.0)  # 320, 480 and 640 of the paper where crops are 320


class Foreground(NamedTuple):
    """Color (not premultiplied with alpha) and alpha: two files of the same size, or one that holds both."""

    name: str
    color: Path
    alpha: Path


@dataclass(frozen=True)
class FolderLayout:
    """Where things are. lists: the folders that may hold the name lists; prefix: how their names begin."""

    pairs: tuple[tuple[Path, Path], ...]  # (fg, alpha), the same folder for cut-outs
    backgrounds: Path
    lists: tuple[Path, ...] = ()
    prefix: str = ""

    def names(self, what: str) -> list[str] | None:
        """The names in `<prefix>_<what>_names.txt`, None if there is no such list."""
        for folder in self.lists:
            path = folder / f"{self.prefix}_{what}_names.txt"
            if path.is_file():
                lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
                return list(dict.fromkeys(line for line in lines if line))
        return None


def find_layout(data: Path, backgrounds: Path | None = None, test: bool = False) -> FolderLayout:
    """The layout of `data`; `test` chooses Composition-1k's test set. Raises DataError."""
    if not data.is_dir():
        raise DataError(f"{data}: no such folder")
    root = data / "Combined_Dataset" if (data / "Combined_Dataset").is_dir() else data
    part = root / ("Test_set" if test else "Training_set")
    if part.is_dir():
        folders = [part / name for name in PARTS if (part / name).is_dir()]
        pairs = tuple((folder / "fg", folder / "alpha") for folder in folders)
        lists = (part, root, data)
        layout = FolderLayout(pairs, backgrounds or part / "bg", lists, "test" if test else "training")
    else:
        colors = data if not (data / "fg").is_dir() and cutouts_in(data) else data / "fg"
        alphas = data / "alpha" if (data / "alpha").is_dir() else colors
        layout = FolderLayout(((colors, alphas),), backgrounds or data / "bg")
    if not layout.pairs:
        raise DataError(f"{part}: expected {' or '.join(PARTS)} in it")
    for folder in (*(folder for pair in layout.pairs for folder in pair), layout.backgrounds):
        if not folder.is_dir():
            raise DataError(
                f"{folder}: no such folder; expected fg/, alpha/ (or cut-outs) and backgrounds, see "
                "training/data/folders.py"
            )
    return layout


def cutouts_in(folder: Path) -> bool:
    return any(is_picture(path) for path in folder.iterdir())


def pictures(folder: Path) -> dict[str, Path]:
    """Pictures by name without ending. Raises DataError where two share one."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if is_picture(path):
            if path.stem in found:
                raise DataError(f"{path}: same name as {found[path.stem].name}")
            found[path.stem] = path
    return found


def find_foregrounds(layout: FolderLayout) -> list[Foreground]:
    """Those in the name list, else all. Raises DataError for names without a partner."""
    found: dict[str, Foreground] = {}
    for color_folder, alpha_folder in layout.pairs:
        colors, alphas = pictures(color_folder), pictures(alpha_folder)
        for name in sorted(colors.keys() ^ alphas.keys()):
            has, lacks = (colors, alpha_folder) if name in colors else (alphas, color_folder)
            raise DataError(f"{has[name]}: no picture of that name in {lacks}")
        found |= {name: Foreground(name, colors[name], alphas[name]) for name in colors}
    listed = layout.names("fg")
    for name in listed or []:
        if Path(name).stem not in found:
            folders = " or ".join(str(folder) for folder, _ in layout.pairs)
            raise DataError(f"{layout.prefix}_fg_names.txt lists {name}: no such picture in {folders}")
    if not found:
        raise DataError(f"{layout.pairs[0][0]}: no pictures ({', '.join(sorted(ENDINGS))})")
    return list(found.values()) if listed is None else [found[Path(name).stem] for name in listed]


def find_backgrounds(layout: FolderLayout) -> list[Path]:
    """Those in the name list, else all. Raises DataError if there are none, or one is missing."""
    listed = layout.names("bg")
    if listed is None:
        found = sorted(path for path in layout.backgrounds.rglob("*") if is_picture(path))
    else:
        found = [layout.backgrounds / name for name in listed]
        missing = next((path for path in found if not path.is_file()), None)
        if missing is not None:
            raise DataError(f"{layout.prefix}_bg_names.txt lists {missing.name}: no such picture in {missing.parent}")
    if not found:
        raise DataError(f"{layout.backgrounds}: no pictures ({', '.join(sorted(ENDINGS))})")
    return found


def check_pictures(foregrounds: list[Foreground], backgrounds: list[Path]) -> None:
    """Raises DataError that names what can be seen to be wrong without decoding: files that are missing or truncated,
    color and alpha of two sizes, cut-outs without alpha."""
    headers, failures = read_headers([*(path for files in foregrounds for path in files[1:]), *backgrounds])
    problems = [str(failure) for failure in failures]
    for files in foregrounds:
        if files.color in headers and files.alpha in headers:
            problems += problem_of(files, headers[files.color], headers[files.alpha])
    if problems:
        count = f"{len(problems)} of {len(headers) + len(failures)} pictures cannot be trained on:\n  "
        more = f"\n  and {len(problems) - MAX_NAMED} more" if len(problems) > MAX_NAMED else ""
        raise DataError((count if len(problems) > 1 else "") + "\n  ".join(problems[:MAX_NAMED]) + more)


def problem_of(files: Foreground, color: Header, alpha: Header) -> list[str]:
    if (color.height, color.width) != (alpha.height, alpha.width):
        sizes = f"{alpha.width}x{alpha.height} pixels, but {files.color} has {color.width}x{color.height}"
        return [f"{files.alpha}: {sizes}"]
    if files.color == files.alpha and not alpha.transparent:
        return [f"{files.alpha}: has no alpha channel; expected cut-outs, or their alpha in a folder alpha/ beside fg/"]
    return []


def read_foreground(files: Foreground) -> tuple[NDArray[np.uint8], Alpha]:
    """Color and alpha. Raises UnreadableError: also where their sizes differ, or alpha is the same everywhere."""
    color = decode(files.color)
    alpha = alpha_of(color if files.color == files.alpha else decode(files.alpha), files.alpha)
    if color.shape[:2] != alpha.shape:
        raise UnreadableError(files.alpha, f"{alpha.shape[1]}x{alpha.shape[0]} pixels, but {files.color} has "
                              f"{color.shape[1]}x{color.shape[0]}")  # fmt: skip
    return color_of(color, files.color), alpha


def window(at: tuple[int, int], shape: tuple[int, ...], side: int) -> tuple[slice, slice]:
    """A square with the pixel `at` (row, column) in its middle, moved as far as it must to be inside `shape`."""
    top, left = (int(np.clip(at[axis] - side // 2, 0, shape[axis] - side)) for axis in range(2))
    return slice(top, top + side), slice(left, left + side)


def resized(picture: NDArray[Any], size: int, mirrored: bool, most: float = 255) -> NDArray[np.float32]:
    """Square, as floats in 0..1; `most` stands for 1 in the picture.

    What is nearer to 0 or 1 than half a level of 8 bits is 0 or 1: else rounding would make known alpha unknown.
    """
    way = cv2.INTER_AREA if picture.shape[0] > size else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(picture), (size, size), interpolation=way)
    unit = np.asarray((small[:, ::-1] if mirrored else small) / np.float32(most), np.float32)
    return np.where(unit < 0.5 / 255, np.float32(0), np.where(unit > 254.5 / 255, np.float32(1), unit))


class FolderSource:
    """Crops of foregrounds over random backgrounds; the kinds are the foregrounds."""

    def __init__(self, data: Path, backgrounds: Path | None, crop_size: int):
        layout = find_layout(data, backgrounds)
        self.foregrounds, self.backgrounds = find_foregrounds(layout), find_backgrounds(layout)
        self.crop_size = crop_size
        self.names = [files.name for files in self.foregrounds]
        self.weights = np.ones(len(self.names))

    def check(self) -> None:
        """Looks at every file; raises DataError."""
        check_pictures(self.foregrounds, self.backgrounds)

    def draw(self, rng: np.random.Generator, kind: int, count: int) -> list[Sample]:
        files = self.foregrounds[kind]
        color, alpha = read_foreground(files)
        behind = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
        background = color_of(decode(behind), behind)
        unknown = np.argwhere((alpha > 0) & (alpha < opaque(alpha)))
        if len(unknown) == 0:  # a hard edge
            unknown = np.argwhere(cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
        is_cutout = files.color == files.alpha
        return [self.crop(rng, color, alpha, background, unknown, is_cutout) for _ in range(count)]

    def crop(
        self,
        rng: np.random.Generator,
        color: NDArray[np.uint8],
        alpha: Alpha,
        background: NDArray[np.uint8],
        unknown: NDArray[np.int64],
        is_cutout: bool,
    ) -> Sample:
        """Crop, resize, flip, composite, and only then a trimap: so its width is that of the finished sample.

        As in the paper the middle of the crop is an unknown pixel, but for the picture's borders. A cut-out has no
        color where nothing of it is seen: it gets the nearest there.
        """
        wanted, mirrored = round(self.crop_size * rng.choice(CROP_SCALES)), bool(rng.random() < 0.5)
        row, column = unknown[rng.integers(len(unknown))]
        place = window((row, column), alpha.shape, min(wanted, *alpha.shape))
        point = (int(rng.integers(background.shape[0])), int(rng.integers(background.shape[1])))
        behind = window(point, background.shape, min(wanted, *background.shape[:2]))
        front = spread(color[place], alpha[place] > 0) if is_cutout else color[place]
        fg, bg = resized(front, self.crop_size, mirrored), resized(background[behind], self.crop_size, False)
        small = resized(alpha[place], self.crop_size, mirrored, opaque(alpha))
        image = small[..., None] * fg + (1 - small[..., None]) * bg
        trimap = random_trimap(rng, small)
        return sample(np.clip(255 * image + 0.5, 0, 255).astype(np.uint8), trimap, small, fg, bg)
