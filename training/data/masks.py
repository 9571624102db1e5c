"""Pictures and masks of the objects in them: drawn ones, and folders in the layouts of MSRA-B and DUTS.

In a folder `1.jpg` and its mask `1.png` lie side by side (MSRA-B), or both have folders of their own:
`DUTS-TR-Image` and `DUTS-TR-Mask`, `images` and `masks`, `Image` and `Mask`, `imgs` and `gt`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training.data.preprocess import colors_alone
from training.data.reading import UnreadableError, color_of, decode, is_picture, read_headers
from training.data.samples import DataError, Sample
from training.scenes.dice import Dice
from training.scenes.drawing import compose
from training.scenes.families import FAMILIES
from training.scenes.painting import behind, front
from training.scenes.shapes import over
from training.scenes.textures import Size
from training.scenes.trimap import random_radii

Mask = NDArray[np.float32]
FOLDERS = (("images", "masks"), ("image", "mask"), ("imgs", "gt"), ("img", "mask"))  # names in any case
SEE_THROUGH = ("smoke", "glass", "net", "branches", "wisps")  # whose objects are no shapes
OBJECT_FAMILIES = [name for name in FAMILIES if name not in SEE_THROUGH]
SPANNING = ("hair", "several", "locks", "wicker")  # objects that fill their layer from side to side
COUNTS = (0.1, 0.55, 0.25, 0.1)  # how likely no object is, one, two and three
MOST_OBJECTS, TEXTURES = len(COUNTS) - 1, 2
TRIES, LEAST_SIDE, FAINT = 6, 32, 0.1
SCALES = (0.3, 1.1)  # of the layer that an object is painted on, of the picture's sides
MAX_NAMED = 10  # in one message


class Masked(NamedTuple):
    """image: [H, W, 3] uint8 RGB; mask: [H, W] float32, 1 where an object is, else 0."""

    image: NDArray[np.uint8]
    mask: Mask


class MaskFiles(NamedTuple):
    """A picture and its mask, of the same size."""

    name: str
    picture: Path
    mask: Path


def find_masks(data: Path) -> list[MaskFiles]:
    """All pictures of a folder with their masks, by name. Raises DataError: for one without a partner, too."""
    if not data.is_dir():
        raise DataError(f"{data}: no such folder")
    pictures, masks = _by_stem(*_folders(data))
    for name in sorted(pictures.keys() ^ masks.keys()):
        path, lacks = (pictures[name], "mask") if name in pictures else (masks[name], "picture")
        raise DataError(f"{path}: has no {lacks} of that name")
    if not pictures:
        raise DataError(f"{data}: expected pictures with masks beside them (1.jpg, 1.png), or two folders such as "
                        "images/ and masks/, or DUTS-TR-Image/ and DUTS-TR-Mask/")  # fmt: skip
    return [MaskFiles(name, pictures[name], masks[name]) for name in sorted(pictures)]


def _folders(data: Path) -> tuple[Path, Path]:
    """Of pictures and of masks; the same one where both lie side by side."""
    inside = {path.name.lower(): path for path in sorted(data.iterdir()) if path.is_dir()}
    pairs = [pair for pair in FOLDERS if all(name in inside for name in pair)]
    pairs += [(name, name[: -len("image")] + "mask") for name in inside if name.endswith("-image")]
    pairs = [pair for pair in pairs if pair[1] in inside]
    if len(pairs) > 1:
        names = ", ".join(inside[pair[0]].name for pair in pairs)
        raise DataError(f"{data}: has several folders of pictures ({names}); choose one of them")
    return (inside[pairs[0][0]], inside[pairs[0][1]]) if pairs else (data, data)


def _by_stem(pictures: Path, masks: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    if pictures != masks:
        return _stems(pictures), _stems(masks)
    png = {path.stem: path for path in sorted(pictures.iterdir()) if is_picture(path) and path.suffix.lower() == ".png"}
    others = {path.stem: path for path in _listed(pictures) if path.suffix.lower() != ".png"}
    return others, png


def _stems(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in _listed(folder):
        if path.stem in found:
            raise DataError(f"{path}: same name as {found[path.stem].name}")
        found[path.stem] = path
    return found


def _listed(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if is_picture(path)]


def check_masks(files: Sequence[MaskFiles]) -> None:
    """Looks at every file without decoding it; raises DataError that names those that are wrong."""
    headers, failures = read_headers([path for one in files for path in one[1:]])
    problems = [str(failure) for failure in failures]
    for one in files:
        if one.picture in headers and one.mask in headers:
            has, wants = headers[one.mask], headers[one.picture]
            if (has.height, has.width) != (wants.height, wants.width):
                sizes = f"{has.width}x{has.height} pixels, but {one.picture} has {wants.width}x{wants.height}"
                problems.append(f"{one.mask}: {sizes}")
    if problems:
        count = f"{len(problems)} files cannot be trained on:\n  " if len(problems) > 1 else ""
        more = f"\n  and {len(problems) - MAX_NAMED} more" if len(problems) > MAX_NAMED else ""
        raise DataError(count + "\n  ".join(problems[:MAX_NAMED]) + more)


def read_masked(files: MaskFiles) -> Masked:
    """Masks count from half their range on. Raises UnreadableError: also where the sizes differ."""
    image = color_of(decode(files.picture), files.picture)
    gray = color_of(decode(files.mask), files.mask)[..., 0]
    if gray.max() == 1:  # 0 and 1, not 0 and 255
        gray = gray * np.uint8(255)
    if gray.shape != image.shape[:2]:
        sizes = f"{gray.shape[1]}x{gray.shape[0]} pixels, but {files.picture} has {image.shape[1]}x{image.shape[0]}"
        raise UnreadableError(files.mask, sizes)
    return Masked(image, (gray >= 128).astype(np.float32))


class Painted(NamedTuple):
    """layer: [h, w, 4] float32 premultiplied RGBA of an object; touched: whether it is cut off at the top and the
    bottom, and at the left and the right."""

    layer: NDArray[np.float32]
    touched: tuple[tuple[bool, bool], tuple[bool, bool]]


def draw_masked(rng: np.random.Generator, size: Size, family: str, count: int = 1) -> list[Masked]:
    """Drawn pictures of none to three objects, the first of this family, some of them partly outside of the picture.

    Painting is what takes time: so all of these pictures show the same few objects, at other places, and textures.
    """
    shown = rng.choice(len(COUNTS), count, p=COUNTS)  # objects, by picture
    kinds = [family, *rng.choice(OBJECT_FAMILIES, MOST_OBJECTS - 1)]
    objects = [_paint(rng, size, str(kind)) for kind in kinds[: shown.max()]]
    textures = [behind(rng, size) for _ in range(min(count, TEXTURES))]
    layers = []
    for visible in shown:
        layer: NDArray[np.float32] = np.zeros((*size, 4), np.float32)
        for number in rng.permutation(visible):
            layer = over(_placed(rng, size, objects[number]), layer)
        layers.append(layer)
    planes, behind_them = (
        torch.from_numpy(np.stack(pictures).astype(np.float32)).permute(0, 3, 1, 2).contiguous()
        for pictures in (layers, [textures[int(rng.integers(len(textures)))] for _ in range(count)])
    )
    dice = Dice(rng, count)
    made = compose(dice, planes, behind_them, random_radii(rng, count), toned=False)  # textures tell objects apart
    images, masks = made.image.to(torch.uint8).permute(0, 2, 3, 1).numpy(), (made.alpha[:, 0] >= 0.5).float().numpy()
    return [Masked(np.ascontiguousarray(image), mask) for image, mask in zip(images, masks, strict=True)]


def _paint(rng: np.random.Generator, size: Size, family: str) -> Painted:
    """An object on a layer smaller than the picture; on one as large where it is cut off at opposite sides."""
    for _ in range(0 if family in SPANNING else TRIES):
        sides = [max(LEAST_SIDE, round(rng.uniform(*SCALES) * side)) for side in size]
        painted = _painted(np.asarray(front(rng, Size(*sides), family), np.float32))
        if not any(low and high for low, high in painted.touched):
            return painted
    return _painted(np.asarray(front(rng, size, family), np.float32))


def _painted(layer: NDArray[np.float32]) -> Painted:
    borders = [layer[0], layer[-1], layer[:, 0], layer[:, -1]]
    top, bottom, left, right = (bool(border[..., 3].max() > FAINT) for border in borders)
    return Painted(layer, ((top, bottom), (left, right)))


def _placed(rng: np.random.Generator, size: Size, painted: Painted) -> NDArray[np.float32]:
    """The object somewhere in the picture, perhaps mirrored; where it is cut off there must be the picture's border."""
    layer, (rows, columns) = painted
    if rng.random() < 0.5:
        layer, columns = layer[:, ::-1], (columns[1], columns[0])
    result = np.zeros((*size, 4), np.float32)
    here, there = [], []
    for outer, inner, (low, high) in zip(size, layer.shape, (rows, columns), strict=False):
        least = outer - inner if high else -(inner // 3)
        most = min(0, outer - inner) if low and high else 0 if low else max(outer - 2 * inner // 3, least)
        at = int(rng.integers(min(least, most), max(least, most) + 1))
        here.append(slice(max(0, at), min(outer, at + inner)))
        there.append(slice(max(0, -at), max(0, -at) + here[-1].stop - here[-1].start))
    result[tuple(here)] = layer[tuple(there)]
    return result


def sample(masked: Masked) -> Sample:
    """Of a picture that has a crop's size: all of it counts, and nothing is known of what lies under objects."""
    nothing = np.zeros((3, 0, 0), np.float32)
    everywhere = np.ones((1, *masked.mask.shape), np.bool_)
    return Sample(colors_alone(masked.image), masked.mask[None], nothing, nothing, everywhere)


class MaskSceneSource:
    """Drawn pictures of `crop_size` pixels; the kinds are the families of their first object."""

    def __init__(self, crop_size: int):
        self.size = Size(crop_size, crop_size)
        self.names = OBJECT_FAMILIES
        self.weights = np.ones(len(self.names))

    def draw(self, rng: np.random.Generator, kind: int, count: int) -> list[Sample]:
        return [sample(masked) for masked in draw_masked(rng, self.size, self.names[kind], count)]


class MaskFolderSource:
    """Crops of pictures, scaled to `crop_size` pixels and mirrored; the kinds are the pictures."""

    def __init__(self, data: Path, crop_size: int):
        self.files, self.crop_size = find_masks(data), crop_size
        self.names = [one.name for one in self.files]
        self.weights = np.ones(len(self.names))

    def check(self) -> None:
        """Looks at every file; raises DataError."""
        check_masks(self.files)

    def draw(self, rng: np.random.Generator, kind: int, count: int) -> list[Sample]:
        masked = read_masked(self.files[kind])
        return [sample(self.crop(rng, masked)) for _ in range(count)]

    def crop(self, rng: np.random.Generator, masked: Masked) -> Masked:
        """A part of at least two thirds of each side, or in half of the cases the whole, as an engine scales it."""
        sides = masked.mask.shape
        shown = [side if rng.random() < 0.5 else max(1, round(rng.uniform(2 / 3, 1) * side)) for side in sides]
        at = [int(rng.integers(side - part + 1)) for side, part in zip(sides, shown, strict=True)]
        window = tuple(slice(first, first + part) for first, part in zip(at, shown, strict=True))
        turn: Any = (slice(None), slice(None, None, -1 if rng.random() < 0.5 else 1))
        target = (self.crop_size, self.crop_size)
        image = cv2.resize(np.ascontiguousarray(masked.image[window][turn]), target, interpolation=cv2.INTER_LINEAR)
        mask = cv2.resize(np.ascontiguousarray(masked.mask[window][turn]), target, interpolation=cv2.INTER_LINEAR)
        return Masked(np.asarray(image, np.uint8), np.asarray(mask, np.float32))
