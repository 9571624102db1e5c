"""Which pictures there are, what belongs to them, and which of them are done. It runs in a worker: the driver has none
of the names.

A list that is begun again, on another machine for instance, must be the same list, or pictures are lost between the
two: it depends on what there was when the run began, and not on what the run has done since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dim_trt.cluster.manifest import Manifest
from dim_trt.cluster.places import Folder
from dim_trt.errors import InvalidInput
from dim_trt.pictures.folders import (
    PICTURES,
    PartnerNames,
    is_picture_name,
    is_shown,
    refuse_twins,
)
from dim_trt.pictures.rendering import Content


@dataclass(frozen=True)
class Folders:
    """What is read, and what is written.

    images: of the pictures.
    known: of their trimaps or masks, as `argument` says; None without.
    results: by content; "alpha" is among them, and has the manifest.
    suffix: of the results.
    """

    images: Folder
    known: Folder | None
    argument: str
    results: Mapping[Content, Folder]
    suffix: str

    def result_name(self, image: str) -> str:
        return f"{Path(image).stem}{self.suffix}"

    @property
    def manifest(self) -> Manifest:
        return Manifest(self.results["alpha"])


@dataclass(frozen=True)
class Item:
    """A picture's name and that of its trimap or mask; or why it cannot be matted."""

    name: str
    known: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Census:
    """How many pictures are to be done, how many are, and what else was found."""

    pending: int
    done: int
    others: tuple[str, ...]


def census(folders: Folders) -> Census:
    """Before a run. From then on the manifest knows as done what has its results, and nothing else.

    Raises:
        InvalidInput: there is no picture, or two have the same name before the suffix.
    """
    shown = [name for name in folders.images.names() if is_shown(name)]
    names = [name for name in shown if is_picture_name(name)]
    if not names:
        raise InvalidInput(f"image: {str(folders.images)!r}: expected pictures ({', '.join(PICTURES)}), found none")
    others = tuple(sorted(name for name in shown if not is_picture_name(name)))
    partners = _partners(folders)
    names = list(_without_partners(folders, names, partners))
    refuse_twins(names, str(folders.images))
    folders.manifest.merge()
    done = folders.manifest.done().intersection(names)
    if gone := _without_results(folders, done):
        folders.manifest.merge(without=gone)
    return Census(len(names) - len(done - gone), len(done - gone), others)


def items(folders: Folders) -> Iterator[Item]:
    """The pictures that are to be done after `census`, in the order of their names."""
    partners = _partners(folders)
    names = sorted(name for name in folders.images.names() if is_shown(name) and is_picture_name(name))
    done = folders.manifest.done()
    for name in _without_partners(folders, names, partners):
        if name in done:
            continue
        if partners is None:
            yield Item(name)
            continue
        try:
            yield Item(name, partners.of(name, lambda other, own=name: _is_shared(folders) and other == own))  # type: ignore[misc]
        except InvalidInput as failure:
            yield Item(name, error=str(failure))


def _partners(folders: Folders) -> PartnerNames | None:
    if folders.known is None:
        return None
    try:
        names = [name for name in folders.known.names() if is_shown(name) and is_picture_name(name)]
    except InvalidInput as failure:
        raise InvalidInput(f"{folders.argument}: {failure}") from failure
    return PartnerNames(names, folders.argument, str(folders.known))


def _is_shared(folders: Folders) -> bool:
    """Whether one folder holds pictures and what belongs to them."""
    return folders.known is not None and folders.known.identity() == folders.images.identity()


def _without_partners(folders: Folders, names: list[str], partners: PartnerNames | None) -> Iterator[str]:
    marked = set(partners.marked(names)) if partners and _is_shared(folders) else set()
    return (name for name in names if name not in marked)


def _without_results(folders: Folders, done: set[str]) -> set[str]:
    if not done:
        return set()
    there = [set(folder.names()) for folder in folders.results.values()]
    return {name for name in done if not all(folders.result_name(name) in present for present in there)}
