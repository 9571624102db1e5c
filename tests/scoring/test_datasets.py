"""Each layout as a miniature: what is found, in which order, and what is said when something is missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from dim_trt.errors import InvalidInput
from dim_trt.scoring.datasets import LAYOUTS, find_samples, layouts
from dim_trt.scoring.evaluation import alphamatting_samples

ADOBE = "Adobe-licensed images"
VARIANTS = [
    ("alphamatting", "input", "trimap1", "gt"),
    ("alphamatting", "input_training_lowres", "trimap_training_lowres/Trimap1", "gt_training_lowres"),
    ("alphamatting", "input_training_highres", "trimap_training_highres/Trimap1", "gt_training_highres"),
    ("composition1k", "merged", "trimaps", "alpha"),
    ("composition1k", "merged", "trimaps", "alpha_copy"),
    ("composition1k", "Test_set/merged", f"Test_set/{ADOBE}/trimaps", f"Test_set/{ADOBE}/alpha"),
    (
        "composition1k",
        "Combined_Dataset/Test_set/merged",
        f"Combined_Dataset/Test_set/{ADOBE}/trimaps",
        f"Combined_Dataset/Test_set/{ADOBE}/alpha",
    ),
    ("aim500", "original", "trimap", "mask"),
    ("aim500", "validation/original", "validation/trimap", "validation/mask"),
    ("p3m500", "original_image", "trimap", "mask"),
    ("p3m500", "blurred_image", "trimap", "mask"),
    ("plain", "image", "trimap", "alpha"),
]


def touch(folder: Path, names: Iterable[str], suffix: str = ".png") -> None:
    """Empty files: finding does not open them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}{suffix}").touch()


@pytest.fixture(name="plain")
def fixture_plain(tmp_path: Path) -> Path:
    for kind in ("image", "trimap", "alpha"):
        touch(tmp_path / kind, ("b", "a"))
    return tmp_path


def test_there_is_a_variant_for_every_layout() -> None:
    assert {variant[0] for variant in VARIANTS} == set(LAYOUTS) == set(layouts())


@pytest.mark.parametrize(("layout", "image", "trimap", "truth"), VARIANTS)
def test_layouts_are_found(layout: str, image: str, trimap: str, truth: str, tmp_path: Path) -> None:
    touch(tmp_path / image, ("dog_10", "cat_1", "dog_2"), ".jpg")
    touch(tmp_path / trimap, ("cat_1", "dog_10", "dog_2"))
    touch(tmp_path / truth, ("dog_2", "dog_10", "cat_1"))
    (tmp_path / image / "Thumbs.db").touch()
    (tmp_path / truth / ".hidden.png").touch()
    for wanted in ("auto", layout):
        found, samples = find_samples(tmp_path, wanted)
        assert found == layout
        assert [sample.name for sample in samples] == ["cat_1", "dog_10", "dog_2"]
        assert samples[0].image == tmp_path / image / "cat_1.jpg"
        assert samples[0].trimap == tmp_path / trimap / "cat_1.png"
        assert samples[0].truth == tmp_path / truth / "cat_1.png"


def test_composition1k_shares_an_alpha_among_the_pictures_of_a_foreground(tmp_path: Path) -> None:
    touch(tmp_path / "merged", ("boy_0", "boy_1", "sail_boat_0"))
    touch(tmp_path / "trimaps", ("boy_0", "boy_1", "sail_boat_0"))
    touch(tmp_path / "alpha", ("boy", "sail_boat", "unused"), ".jpg")
    _, samples = find_samples(tmp_path)
    assert [sample.truth.name for sample in samples] == ["boy.jpg", "boy.jpg", "sail_boat.jpg"]


@pytest.mark.parametrize(
    ("image", "trimap", "truth"),
    [("input", "trimap2", "gt"), ("input_training_lowres", "trimap_training_lowres/Trimap2", "gt_training_lowres")],
)
def test_alphamatting_has_sets_of_trimaps_and_pictures_without_truth(
    image: str, trimap: str, truth: str, tmp_path: Path
) -> None:
    touch(tmp_path / image, ("GT01", "GT02", "troll"))
    touch(tmp_path / trimap, ("GT01", "GT02"))
    touch(tmp_path / truth, ("GT01", "GT02"))
    samples = alphamatting_samples(tmp_path, "trimap2")
    assert [sample.trimap for sample in samples] == [tmp_path / trimap / f"GT0{i}.png" for i in (1, 2)]
    with pytest.raises(InvalidInput, match=r"to hold input/, trimap1/ and gt/ \(alphamatting\); got "):
        alphamatting_samples(tmp_path)


@pytest.mark.parametrize("missing", ["trimap/b.png", "alpha/b.png"])
def test_a_missing_file_is_named(missing: str, plain: Path) -> None:
    (plain / missing).unlink()
    with pytest.raises(InvalidInput, match=rf"plain: '.*{missing}' is missing, which '.*image/b.png' needs"):
        find_samples(plain)


def test_a_truth_without_picture_is_named(plain: Path) -> None:
    (plain / "image" / "a.png").unlink()
    with pytest.raises(InvalidInput, match=r"plain: '.*alpha/a.png' has no picture in '.*image'"):
        find_samples(plain)


def test_two_pictures_of_one_name_are_named(plain: Path) -> None:
    touch(plain / "image", ["a"], ".jpg")
    with pytest.raises(InvalidInput, match=r"image/a.jpg' and '.*image/a.png' have the same name"):
        find_samples(plain)


def test_folders_that_do_not_fit(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"data: the folder '.*none' does not exist"):
        find_samples(plain / "none")
    with pytest.raises(InvalidInput, match=r"layout: expected auto or one of alphamatting, .* got 'other'"):
        find_samples(plain, "other")
    with pytest.raises(
        InvalidInput, match=r"hold original/, trimap/ and mask/ \(aim500\); got alpha/, image/, trimap/"
    ):
        find_samples(plain, "aim500")
    with pytest.raises(InvalidInput, match=r"input/, trimap1/ and gt/ \(alphamatting\); or .*plain\); got no folder"):
        find_samples(plain / "image")
    with pytest.raises(InvalidInput, match="trimap set: the layout plain has one set of trimaps only, got 'trimap2'"):
        find_samples(plain, trimap_set="trimap2")


def test_a_folder_of_two_layouts_is_not_guessed(plain: Path) -> None:
    for kind in ("original", "mask"):
        touch(plain / kind, ("a", "b"))
    with pytest.raises(InvalidInput, match="fits the layouts aim500 and plain; choose one with --layout"):
        find_samples(plain)
    assert find_samples(plain, "plain")[0] == "plain"


def test_no_picture_is_an_error(tmp_path: Path) -> None:
    for kind in ("image", "trimap", "alpha"):
        (tmp_path / kind).mkdir()
    with pytest.raises(InvalidInput, match=r"plain: '.*image' has no pictures"):
        find_samples(tmp_path)
