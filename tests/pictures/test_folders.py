"""Which files of a folder are pictures, and which belong together."""

from __future__ import annotations

import logging
import unicodedata
from pathlib import Path

import pytest

from dim_trt.errors import InvalidInput
from dim_trt.pictures.folders import PICTURES, Partners, list_pictures

pytestmark = pytest.mark.public


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_every_suffix_is_listed(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{index}{suffix.upper()}" for index, suffix in enumerate(PICTURES)))
    assert len(list_pictures(tmp_path)) == len(PICTURES)


def test_files_that_are_passed_over_are_counted_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(tmp_path, "a.png", "b.psd", "c.txt", ".hidden", "Thumbs.db", *(f"{index}.cr2" for index in range(5)))
    (tmp_path / "below").mkdir()
    with caplog.at_level(logging.WARNING, "dim_trt"):
        assert [path.name for path in list_pictures(tmp_path)] == ["a.png"]
    assert len(caplog.messages) == 1
    assert "passed over 8 files with other names than pictures have: 0.cr2, 1.cr2" in caplog.messages[0]
    assert caplog.messages[0].endswith("4.cr2 and 3 more")
    assert "Thumbs" not in caplog.messages[0]
    caplog.clear()
    (tmp_path / "one").mkdir()
    touch(tmp_path / "one", "a.png", "b.psd")
    list_pictures(tmp_path / "one")
    assert caplog.messages == [
        f"image: {str(tmp_path / 'one')!r}: passed over 1 file with other names than pictures have: b.psd"
    ]


@pytest.mark.parametrize("name", ["1_trimap.png", "1-trimap.tif", "1 Trimap.png", "1.trimap.png", "1.webp"])
def test_names_that_belong_together(name: str, tmp_path: Path) -> None:
    partners = Partners(touch(tmp_path / "second", name, "2.png", "11_trimap.png"), "trimap")
    assert partners.of(tmp_path / "1.jpg").name == name


@pytest.mark.parametrize("name", ["1_mask.png", "1-matte.png", "1_alpha.png"])
def test_masks_have_marks_of_their_own(name: str, tmp_path: Path) -> None:
    assert Partners(touch(tmp_path / "second", name), "mask").of(tmp_path / "1.jpg").name == name
    with pytest.raises(InvalidInput, match=r"expected one picture called '1' or '1_trimap' in .*, found none"):
        Partners(tmp_path / "second", "trimap").of(tmp_path / "1.jpg")


def test_the_same_name_comes_before_one_with_a_mark(tmp_path: Path) -> None:
    partners = Partners(touch(tmp_path / "second", "1.png", "1_trimap.png", "2_trimap.png", "2-trimap.png"), "trimap")
    assert partners.of(tmp_path / "1.jpg").name == "1.png"
    with pytest.raises(InvalidInput, match=r"found 2-trimap\.png and 2_trimap\.png"):
        partners.of(tmp_path / "2.jpg")


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_both_forms_of_unicode_are_one_name(forms: tuple[str, str], tmp_path: Path) -> None:
    first, second = (unicodedata.normalize(form, "größe_é") for form in forms)
    partners = Partners(touch(tmp_path / "second", f"{second}_trimap.png"), "trimap")
    assert partners.of(tmp_path / f"{first}.jpg").stem.startswith(second)
    touch(tmp_path / "in", f"{first}.jpg", f"{second}.png")
    with pytest.raises(InvalidInput, match="several pictures are called"):
        list_pictures(tmp_path / "in")


def test_a_folder_may_hold_both(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "1_trimap.png", "2.jpg", "2-trimap.png", "a_trimap.png")
    partners = Partners(tmp_path, "trimap")
    pictures = partners.without_partners(list_pictures(tmp_path))
    assert [path.name for path in pictures] == ["1.png", "2.jpg", "a_trimap.png"]
    assert [partners.of(path).name for path in pictures[:2]] == ["1_trimap.png", "2-trimap.png"]
    with pytest.raises(InvalidInput, match="found none"):
        partners.of(pictures[2])


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"trimap: cannot read .*: No such file"):
        Partners(tmp_path / "none", "trimap")
