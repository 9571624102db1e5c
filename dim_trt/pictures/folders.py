"""Many pictures at once: which files are pictures, and which file belongs to which."""

from __future__ import annotations

import glob
import logging
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dim_trt.errors import Error, InvalidInput

LOGGER = logging.getLogger("dim_trt")

# All that Pillow or OpenCV decodes by these names; what a file is its content says.
PICTURES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif"),
    *(".hif", ".gif", ".bmp", ".dib", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm"),
    *(".pam", ".pfm", ".pxm", ".tga", ".qoi", ".ras", ".sr", ".exr", ".hdr", ".pic"),
)
# What programs add to a picture's name for that of its trimap or mask: 1_trimap.png, 1-mask.png.
MARKS = {"trimap": "trimap|tri", "mask": "mask|matte|alpha|trimap"}
LITTER = ("thumbs.db", "desktop.ini")  # of file managers
NAMED = 5  # in messages


def is_many(image: Path) -> bool:
    """Whether `image` names a folder or a pattern and not one file."""
    return image.is_dir() or (glob.has_magic(str(image)) and not image.exists())


def list_pictures(image: Path) -> list[Path]:
    """The pictures in a folder (not in folders below it) or that a pattern matches, sorted by name; a warning names
    other files.

    Raises:
        InvalidInput: there is none, or two have the same name before the suffix, so that their results would collide.
    """
    candidates = sorted(image.iterdir() if image.is_dir() else map(Path, _matches(str(image))))
    files = [path for path in candidates if not path.name.startswith(".") and path.name.lower() not in LITTER]
    pictures = [path for path in files if _is_picture(path)]
    if not pictures and not image.is_dir() and "*" not in image.name and "?" not in image.name:
        raise InvalidInput(f"image: {str(image)!r}: there is no such file, and as a pattern it matches none")
    if not pictures:
        raise InvalidInput(f"image: {str(image)!r}: expected pictures ({', '.join(PICTURES)}), found none")
    others = [f"{path.name}/" if path.is_dir() else path.name for path in files if not _is_picture(path)]
    if others:
        LOGGER.warning("image: %r: passed over %s", str(image), _counted(others))
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


class Partners:
    """The trimaps or masks (`argument`) in a folder, by the pictures they belong to.

    `1.jpg` has `1.png`, in any format, or else `1_trimap.png`, `1-mask.png` and the like. Letters with accents may be
    written in either form of Unicode.

    Raises:
        InvalidInput: the folder cannot be read.
    """

    def __init__(self, folder: Path, argument: str):
        self._folder, self._argument = folder, argument
        self._mark = re.compile(rf"(.+?)[-_. ](?:{MARKS[argument]})", re.IGNORECASE)
        self._named: dict[str, list[Path]] = defaultdict(list)
        self._marked: dict[str, list[Path]] = defaultdict(list)
        try:
            files = sorted(path for path in folder.iterdir() if _is_picture(path) and not path.name.startswith("."))
        except OSError as failure:
            raise InvalidInput(f"{argument}: cannot read {str(folder)!r}: {failure.strerror}") from failure
        for path in files:
            self._named[_name(path)].append(path)
            if match := self._mark.fullmatch(_name(path)):
                self._marked[match[1]].append(path)

    def of(self, image: Path) -> Path:
        """Raises InvalidInput where there is none or more than one."""
        name = _name(image)
        found = [path for path in self._named.get(name, ()) if path.resolve() != image.resolve()]
        found = found or self._marked.get(name, [])
        if len(found) != 1:
            names = " and ".join(path.name for path in found) or "none"
            raise InvalidInput(
                f"{self._argument}: expected one picture called {image.stem!r} or {f'{image.stem}_{self._argument}'!r} "
                f"in {str(self._folder)!r}, found {names}"
            )
        return found[0]

    def without_partners(self, pictures: Sequence[Path]) -> list[Path]:
        """Those that are no partner of another one, for a folder that holds both."""
        names = {_name(path) for path in pictures}
        partners = {path.resolve() for name in names for path in self._marked.get(name, ())}
        return [path for path in pictures if path.resolve() not in partners]


@dataclass
class Summary:
    """What came of each picture; failures hold the name and the reason."""

    done: int = 0
    skipped: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.done} done, {self.skipped} skipped, {len(self.failures)} failed"

    def add(self, name: str, error: Error | None) -> None:
        """A picture is done, or has failed."""
        if error is None:
            self.done += 1
        else:
            self.failures.append((name, str(error)))

    def raise_failures(self) -> None:
        """Raise an Error that names each failure, if there are any."""
        if self.failures:
            names = "".join(f"\n  {name}: {reason}" for name, reason in self.failures)
            total = self.done + self.skipped + len(self.failures)
            raise Error(f"{len(self.failures)} of {total} pictures failed:{names}")


def _refuse_twins(pictures: Sequence[Path], place: str) -> None:
    twice = [stem for stem, count in Counter(map(_name, pictures)).items() if count > 1]
    if twice:
        raise InvalidInput(f"image: {place!r}: several pictures are called {twice[0]!r}; results would collide")


def _name(path: Path) -> str:
    return unicodedata.normalize("NFC", path.stem)


def _counted(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    files = "1 file" if len(names) == 1 else f"{len(names)} files"
    return f"{files} with other names than pictures have: {', '.join(names[:NAMED])}{more}"


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and path.is_file()
