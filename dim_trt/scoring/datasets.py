"""Pictures with trimap and truth, in the folder layouts that the public data sets have.

alphamatting    alphamatting.com: input/, trimap1/ (narrow) or trimap2/ (wide), gt/; or the training zips unpacked
                beside each other: input_training_lowres/, trimap_training_lowres/Trimap1/, gt_training_lowres/; also
                their _highres
composition1k   merged/, trimaps/, alpha/ or alpha_copy/, in the folder itself or in [Combined_Dataset/]Test_set/, and
                of these in its "Adobe-licensed images/"; merged/boy_7.png has the alpha boy_7.png, or boy.png for all
                its pictures
aim500          AIM-500: original/, trimap/, mask/, also in validation/
p3m500          P3M-500-NP and -P: original_image/ or blurred_image/, trimap/, mask/
plain           image/, trimap/, alpha/

The three files of a picture have one name, suffixes may differ. Nothing is left out in silence: a picture without
trimap or truth, and a truth without picture, are errors. Two data sets have more files of a kind by design, and those
are left out: pictures without truth in alphamatting, alphas without picture in composition1k.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath
from dim_trt.pictures.folders import PICTURES

TRIMAP_SET = "trimap1"
ADOBE = "Adobe-licensed images/"


@dataclass(frozen=True)
class TruthFiles:
    """The three files of one picture."""

    name: str
    image: Path
    trimap: Path
    truth: Path


class Folders(NamedTuple):
    """Where the three kinds of files are, below the data set's folder."""

    image: str
    trimap: str
    truth: str

    def __str__(self) -> str:
        return f"{self.image}/, {self.trimap}/ and {self.truth}/"


def layouts(trimap_set: str = TRIMAP_SET) -> dict[str, list[Folders]]:
    """The variants of each layout, the usual one first; `trimap_set` is for alphamatting."""
    zips = [f"training_{size}" for size in ("lowres", "highres")]
    composition = [
        Folders(f"{root}{images}merged", f"{root}{truths}trimaps", f"{root}{truths}{alpha}")
        for alpha in ("alpha", "alpha_copy")
        for root in ("", "Test_set/", "Combined_Dataset/Test_set/")
        for images in ("", ADOBE)
        for truths in ("", ADOBE)
    ]
    return {
        "alphamatting": [Folders("input", trimap_set, "gt")]
        + [Folders(f"input_{z}", f"trimap_{z}/{trimap_set.capitalize()}", f"gt_{z}") for z in zips],
        "composition1k": composition,
        "aim500": [Folders(f"{root}original", f"{root}trimap", f"{root}mask") for root in ("", "validation/")],
        "p3m500": [Folders(f"{kind}_image", "trimap", "mask") for kind in ("original", "blurred")],
        "plain": [Folders("image", "trimap", "alpha")],
    }


LAYOUTS = tuple(layouts())


def find_samples(folder: StrPath, layout: str = "auto", trimap_set: str | None = None) -> tuple[str, list[TruthFiles]]:
    """The layout and its samples, sorted by name.

    Args:
        folder: holds the layout's folders.
        layout: one of LAYOUTS, or "auto" for the one whose folders are there.
        trimap_set: which trimaps of alphamatting.com; None is TRIMAP_SET. The others have one set only.

    Raises:
        InvalidInput: no layout fits, or a file is missing or there twice; the message names it.
    """
    root = Path(folder)
    known = layouts(trimap_set or TRIMAP_SET)
    if layout not in ("auto", *known):
        raise InvalidInput(f"layout: expected auto or one of {', '.join(known)}, got {layout!r}")
    if not root.is_dir():
        raise InvalidInput(f"data: the folder {str(root)!r} does not exist")
    candidates = known if layout == "auto" else {layout: known[layout]}
    found = {name: variant for name, variants in candidates.items() if (variant := _present(root, variants))}
    if not found:
        expected = "; or ".join(f"{variants[0]} ({name})" for name, variants in candidates.items())
        raise InvalidInput(f"data: expected {str(root)!r} to hold {expected}; got {_content(root)}")
    if len(found) > 1:
        raise InvalidInput(f"data: {str(root)!r} fits the layouts {' and '.join(found)}; choose one with --layout")
    ((name, folders),) = found.items()
    if trimap_set and name != "alphamatting":
        raise InvalidInput(f"trimap set: the layout {name} has one set of trimaps only, got {trimap_set!r}")
    return name, _samples(name, root, folders)


def alphamatting_samples(folder: StrPath, trimap_set: str = TRIMAP_SET) -> list[TruthFiles]:
    """`find_samples` for the layout of alphamatting.com."""
    return find_samples(folder, "alphamatting", trimap_set)[1]


def pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by name without suffix, sorted; raises InvalidInput for two of one name."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICTURES and not path.name.startswith("."):
            if path.stem in found:
                raise InvalidInput(f"data: {str(found[path.stem])!r} and {str(path)!r} have the same name")
            found[path.stem] = path
    return dict(sorted(found.items()))


def _present(root: Path, variants: Iterable[Folders]) -> Folders | None:
    """The first variant whose three folders are there."""
    return next((folders for folders in variants if all((root / part).is_dir() for part in folders)), None)


def _content(root: Path) -> str:
    """The folders in it, for a message."""
    names = sorted(path.name for path in root.iterdir() if path.is_dir())
    return ", ".join(f"{name}/" for name in names[:8]) + (", ..." if len(names) > 8 else "") if names else "no folder"


def _samples(layout: str, root: Path, folders: Folders) -> list[TruthFiles]:
    images, trimaps, truths = (pictures(root / part) for part in folders)
    driving, where = (truths, folders.truth) if layout == "alphamatting" else (images, folders.image)
    if not driving:
        raise InvalidInput(f"{layout}: {str(root / where)!r} has no pictures")
    shared = layout == "composition1k" and not images.keys() <= truths.keys()  # one alpha for a foreground's pictures
    samples = []
    for name, path in driving.items():
        truth = name.rpartition("_")[0] if shared else name
        wanted = ((images, folders.image, name), (trimaps, folders.trimap, name), (truths, folders.truth, truth))
        for there, part, stem in wanted:
            if stem not in there:
                missing = root / part / f"{stem}.png"
                raise InvalidInput(f"{layout}: {str(missing)!r} is missing, which {str(path)!r} needs")
        samples.append(TruthFiles(name, images[name], trimaps[name], truths[truth]))
    if layout != "composition1k":
        for name in sorted(truths.keys() - driving.keys()):
            raise InvalidInput(f"{layout}: {str(truths[name])!r} has no picture in {str(root / folders.image)!r}")
    return samples
