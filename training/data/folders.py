"""Foreground pictures with alpha, over backgrounds: each sample is composited anew.

Two layouts: `fg/` and `alpha/` with the same names (endings may differ) and `bg/` or a folder elsewhere; and that of
Composition-1k, `[Combined_Dataset/]Training_set/{Adobe-licensed images,Other}/{fg,alpha}` with the optional lists
`training_fg_names.txt` and `training_bg_names.txt`, one name a line, in `Training_set` or above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.samples import DataError, Sample, sample
from training.scenes.trimap import random_trimap

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
PARTS = ("Adobe-licensed images", "Other")
CROP_SCALES = (1.0, 1.5, 2.0)  # 320, 480 and 640 of the paper where crops are 320


class Foreground(NamedTuple):
    """Color (not premultiplied with alpha) and alpha, two files of the same size."""

    name: str
    color: Path
    alpha: Path


@dataclass(frozen=True)
class FolderLayout:
    """Where things are. lists: the folders that may hold the name lists; prefix: how their names begin."""

    pairs: tuple[tuple[Path, Path], ...]  # (fg, alpha)
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
        layout = FolderLayout(((data / "fg", data / "alpha"),), backgrounds or data / "bg")
    if not layout.pairs:
        raise DataError(f"{part}: expected {' or '.join(PARTS)} in it")
    for folder in (*(folder for pair in layout.pairs for folder in pair), layout.backgrounds):
        if not folder.is_dir():
            raise DataError(
                f"{folder}: no such folder; expected fg/, alpha/ and backgrounds, see training/data/folders.py"
            )
    return layout


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".")


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


def read(path: Path, flag: int) -> NDArray[np.uint8]:
    """RGB [H, W, 3] or gray [H, W] as stored: a camera's rotation mark would part a color from its alpha."""
    picture = cv2.imread(str(path), flag | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        raise DataError(f"{path}: missing or unreadable picture")
    return np.asarray(picture if picture.ndim == 2 else picture[..., ::-1], np.uint8)


def read_foreground(files: Foreground) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Color and alpha. Raises DataError where their sizes differ, or alpha is the same everywhere."""
    color, alpha = read(files.color, cv2.IMREAD_COLOR), read(files.alpha, cv2.IMREAD_GRAYSCALE)
    if color.shape[:2] != alpha.shape:
        raise DataError(f"{files.alpha}: {alpha.shape[1]}×{alpha.shape[0]} pixels, but {files.color} has "
                        f"{color.shape[1]}×{color.shape[0]}")  # fmt: skip
    if alpha.min() == alpha.max():
        raise DataError(f"{files.alpha}: alpha is {alpha.flat[0]} everywhere; nothing to learn from it")
    return color, alpha


def window(at: tuple[int, int], shape: tuple[int, ...], side: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """A square around the pixel `at` (row, column) that stays inside `shape`; `side` fits in it."""
    top, left = (int(np.clip(at[axis] - rng.integers(side), 0, shape[axis] - side)) for axis in range(2))
    return slice(top, top + side), slice(left, left + side)


def resized(picture: NDArray[np.uint8], size: int, mirrored: bool) -> NDArray[np.float32]:
    """Square, 0..1."""
    way = cv2.INTER_AREA if picture.shape[0] > size else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(picture), (size, size), interpolation=way)
    return np.asarray((small[:, ::-1] if mirrored else small) / np.float32(255), np.float32)


class FolderSource:
    """Crops of foregrounds over random backgrounds; the kinds are the foregrounds."""

    def __init__(self, data: Path, backgrounds: Path | None, crop_size: int):
        layout = find_layout(data, backgrounds)
        self.foregrounds, self.backgrounds = find_foregrounds(layout), find_backgrounds(layout)
        self.crop_size = crop_size
        self.names = [files.name for files in self.foregrounds]
        self.weights = np.ones(len(self.names))

    def draw(self, rng: np.random.Generator, kind: int, count: int) -> list[Sample]:
        color, alpha = read_foreground(self.foregrounds[kind])
        background = read(self.backgrounds[int(rng.integers(len(self.backgrounds)))], cv2.IMREAD_COLOR)
        unknown = np.argwhere((alpha > 0) & (alpha < 255))
        if len(unknown) == 0:  # a hard edge
            unknown = np.argwhere(cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
        return [self.crop(rng, color, alpha, background, unknown) for _ in range(count)]

    def crop(
        self,
        rng: np.random.Generator,
        color: NDArray[np.uint8],
        alpha: NDArray[np.uint8],
        background: NDArray[np.uint8],
        unknown: NDArray[np.int64],
    ) -> Sample:
        """Crop, resize, flip, composite, and only then a trimap: so its width is that of the finished sample."""
        wanted, mirrored = round(self.crop_size * rng.choice(CROP_SCALES)), bool(rng.random() < 0.5)
        row, column = unknown[rng.integers(len(unknown))]
        place = window((row, column), alpha.shape, min(wanted, *alpha.shape), rng)
        behind = (int(rng.integers(background.shape[0])), int(rng.integers(background.shape[1])))
        behind_place = window(behind, background.shape, min(wanted, *background.shape[:2]), rng)
        fg, bg = (
            resized(color[place], self.crop_size, mirrored),
            resized(background[behind_place], self.crop_size, False),
        )
        small = resized(alpha[place], self.crop_size, mirrored)
        image = small[..., None] * fg + (1 - small[..., None]) * bg
        trimap = random_trimap(rng, small)
        return sample(np.clip(255 * image + 0.5, 0, 255).astype(np.uint8), trimap, small, fg, bg)
