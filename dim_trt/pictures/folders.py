"""Many pictures at once: which files are pictures, and which file belongs to which."""

from __future__ import annotations

import glob
import logging
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
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
WHAT = {"image": "pictures", "video": "clips"}


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
    files = [path for path in candidates if is_shown(path.name)]
    pictures = [path for path in files if _is_picture(path)]
    if not pictures and not image.is_dir() and "*" not in image.name and "?" not in image.name:
        raise InvalidInput(f"image: {str(image)!r}: there is no such file, and as a pattern it matches none")
    if not pictures:
        raise InvalidInput(f"image: {str(image)!r}: expected pictures ({', '.join(PICTURES)}), found none")
    say_passed_over(
        str(image), [f"{path.name}/" if path.is_dir() else path.name for path in files if not _is_picture(path)]
    )
    refuse_twins((path.name for path in pictures), str(image))
    return pictures


def gather(images: Sequence[Path]) -> list[Path]:
    """The pictures that files, folders and patterns name, in their order.

    Raises:
        InvalidInput: a folder or pattern has none, or two have the same name before the suffix.
    """
    pictures = [path for image in images for path in (list_pictures(image) if is_many(image) else [image])]
    place = " ".join(map(str, images[:2])) + (" ..." if len(images) > 2 else "")
    refuse_twins((path.name for path in pictures), place)
    return pictures


class PartnerNames:
    """The trimaps or masks (`argument`) among the names of a folder's files, by the pictures they belong to.

    `1.jpg` has `1.png`, in any format, or else `1_trimap.png`, `1-mask.png` and the like. Letters with accents may be
    written in either form of Unicode. `place`: the folder, for messages.
    """

    def __init__(self, names: Iterable[str], argument: str, place: str):
        self._argument, self._place = argument, place
        mark = re.compile(rf"(.+?)[-_. ](?:{MARKS[argument]})", re.IGNORECASE)
        self._named: dict[str, list[str]] = defaultdict(list)
        self._marked: dict[str, list[str]] = defaultdict(list)
        for name in names:
            stem = stem_of(name)
            self._named[stem].append(name)
            if match := mark.fullmatch(stem):
                self._marked[match[1]].append(name)

    def of(self, image: str, is_image: Callable[[str], bool]) -> str:
        """The name of a picture's partner, which is none that `is_image` says to be the picture itself.

        Raises:
            InvalidInput: there is none, or more than one.
        """
        found = [name for name in self._named.get(stem_of(image), ()) if not is_image(name)]
        found = found or self._marked.get(stem_of(image), [])
        if len(found) != 1:
            names, stem = " and ".join(sorted(found)) or "none", Path(image).stem
            raise InvalidInput(
                f"{self._argument}: expected one picture called {stem!r} or {f'{stem}_{self._argument}'!r} "
                f"in {self._place!r}, found {names}"
            )
        return found[0]

    def marked(self, images: Iterable[str]) -> Iterator[str]:
        """The names that a mark says to be partners of these pictures, so that they are no pictures themselves."""
        for stem in {stem_of(image) for image in images}:
            yield from self._marked.get(stem, ())


class Partners:
    """`PartnerNames` of a folder on this machine. Raises InvalidInput where it cannot be read."""

    def __init__(self, folder: Path, argument: str):
        self._folder = folder
        try:
            names = sorted(path.name for path in folder.iterdir() if _is_picture(path) and is_shown(path.name))
        except OSError as failure:
            raise InvalidInput(f"{argument}: cannot read {str(folder)!r}: {failure.strerror}") from failure
        self._names = PartnerNames(names, argument, str(folder))

    def of(self, image: Path) -> Path:
        """Raises InvalidInput where there is none or more than one."""
        own = image.resolve()
        return self._folder / self._names.of(image.name, lambda name: (self._folder / name).resolve() == own)

    def without_partners(self, pictures: Sequence[Path]) -> list[Path]:
        """Those that are no partner of another one, for a folder that holds both."""
        marked = self._names.marked(path.name for path in pictures)
        partners = {(self._folder / name).resolve() for name in marked}
        return [path for path in pictures if path.resolve() not in partners]


@dataclass
class Summary:
    """What came of each picture; failures hold the name and the reason, of the first `named` (None: of all)."""

    done: int = 0
    skipped: int = 0
    failed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    named: int | None = None

    def __str__(self) -> str:
        return f"{self.done} done, {self.skipped} skipped, {self.failed} failed"

    def add(self, name: str, error: object | None) -> None:
        """A picture is done, or has failed."""
        if error is None:
            self.done += 1
            return
        self.failed += 1
        if self.named is None or len(self.failures) < self.named:
            self.failures.append((name, str(error)))

    def raise_failures(self, others: str = "others", what: str = "pictures") -> None:
        """Raise an Error that names each failure, if there are any.

        `others`: where those are that it does not name; `what` failed.
        """
        if self.failed:
            names = "".join(f"\n  {name}: {reason}" for name, reason in self.failures)
            unnamed = self.failed - len(self.failures)
            more = f"\n  and {unnamed} {others}" if unnamed else ""
            total = self.done + self.skipped + self.failed
            raise Error(f"{self.failed} of {total} {what} failed:{names}{more}")


def stem_of(name: str) -> str:
    """A picture's name without suffix, by which files belong together."""
    return unicodedata.normalize("NFC", Path(name).stem)


def is_shown(name: str) -> bool:
    """Whether a file of this name is meant to be seen: not hidden, and not a file manager's own."""
    return not name.startswith(".") and name.lower() not in LITTER


def is_picture_name(name: str) -> bool:
    return Path(name).suffix.lower() in PICTURES


def say_passed_over(place: str, others: Sequence[str], argument: str = "image") -> None:
    """Log what else is in a folder."""
    if others:
        LOGGER.warning("%s: %r: passed over %s", argument, place, _counted(others, WHAT[argument]))


def refuse_twins(names: Iterable[str], place: str, argument: str = "image") -> None:
    """Raise InvalidInput where two files have the same name before the suffix."""
    seen: set[str] = set()
    for stem in map(stem_of, names):
        if stem in seen:
            raise InvalidInput(
                f"{argument}: {place!r}: several {WHAT[argument]} are called {stem!r}; results would collide"
            )
        seen.add(stem)


def _counted(names: Sequence[str], what: str) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    files = "1 file" if len(names) == 1 else f"{len(names)} files"
    return f"{files} with other names than {what} have: {', '.join(names[:NAMED])}{more}"


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)


def _is_picture(path: Path) -> bool:
    return is_picture_name(path.name) and path.is_file()
