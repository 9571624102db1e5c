"""Many pictures at once: which file belongs to which, and work that one bad file does not stop."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from dim_trt.errors import Error, InvalidInput

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".jp2", ".ppm", ".pgm", ".exr")

Item = TypeVar("Item")


def is_many(image: Path) -> bool:
    """Whether `image` names a folder or a pattern and not one file."""
    return image.is_dir() or (glob.has_magic(str(image)) and not image.exists())


def list_pictures(image: Path) -> list[Path]:
    """The pictures in a folder (not in folders below it) or that a pattern matches, sorted by name.

    Raises:
        InvalidInput: there is none, or two have the same name before the suffix, so that their results would collide.
    """
    candidates = image.iterdir() if image.is_dir() else map(Path, _matches(str(image)))
    pictures = sorted(path for path in candidates if _is_picture(path))
    if not pictures and not image.is_dir() and "*" not in image.name and "?" not in image.name:
        raise InvalidInput(f"image: {str(image)!r}: there is no such file, and as a pattern it matches none")
    if not pictures:
        raise InvalidInput(f"image: {str(image)!r}: expected pictures ({', '.join(PICTURES)}), found none")
    _refuse_twins(pictures, str(image))
    return pictures


def gather(images: Sequence[Path]) -> list[Path]:
    """The pictures that files, folders and patterns name, in their order.

    Raises:
        InvalidInput: a folder or pattern has none, or two have the same name before the suffix.
    """
    pictures = [path for image in images for path in (list_pictures(image) if is_many(image) else [image])]
    _refuse_twins(pictures, " ".join(map(str, images[:2])) + (" ..." if len(images) > 2 else ""))
    return pictures


def _refuse_twins(pictures: Sequence[Path], place: str) -> None:
    twice = [stem for stem, count in Counter(path.stem for path in pictures).items() if count > 1]
    if twice:
        raise InvalidInput(f"image: {place!r}: several pictures are called {twice[0]!r}; results would collide")


def partner(image: Path, folder: Path, argument: str) -> Path:
    """The file in `folder` with the image's name before the suffix.

    Raises:
        InvalidInput: there is none or more than one.
    """
    found = sorted(path for path in folder.glob(f"{glob.escape(image.stem)}.*") if _is_picture(path, image.stem))
    if len(found) != 1:
        names = " and ".join(path.name for path in found) or "none"
        raise InvalidInput(f"{argument}: expected one picture called {image.stem!r} in {str(folder)!r}, found {names}")
    return found[0]


@dataclass
class Summary:
    """What came of each item; failures hold the name and the reason."""

    done: int = 0
    skipped: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.done} done, {self.skipped} skipped, {len(self.failures)} failed"

    def raise_failures(self) -> None:
        """Raise an Error that names each failure, if there are any."""
        if self.failures:
            names = "".join(f"\n  {name}: {reason}" for name, reason in self.failures)
            total = self.done + self.skipped + len(self.failures)
            raise Error(f"{len(self.failures)} of {total} pictures failed:{names}")


def work_through(items: Iterable[Item], work: Callable[[Item], bool], name: Callable[[Item], str]) -> Summary:
    """Call `work` (false: there was nothing to do) on each item behind a progress bar; errors are collected."""
    summary = Summary()
    for item in tqdm(list(items), unit="picture", disable=None, leave=False):
        try:
            if work(item):
                summary.done += 1
            else:
                summary.skipped += 1
        except Error as failure:
            summary.failures.append((name(item), str(failure)))
        except MemoryError:
            summary.failures.append((name(item), "not enough memory for a picture of this size"))
    return summary


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)


def _is_picture(path: Path, stem: str | None = None) -> bool:
    hidden = path.name.startswith(".")
    return path.suffix.lower() in PICTURES and path.is_file() and not hidden and stem in (None, path.stem)
