"""Trimaps of a clip from one picture, a folder or another video: the right one for each frame, or a clear error."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dim_trt import trimaps
from dim_trt.errors import BackendUnavailable, InvalidInput
from dim_trt.tracking.sources import ConstantTrimap, Counted, Frame, TrimapFolder, TrimapVideo

pytestmark = pytest.mark.public
HEIGHT, WIDTH = 47, 63
COUNT = 12


def frame_at(index: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Frame:
    return Frame(index, np.zeros((*size, 3), np.uint8), index / 25)


def trimap_of(index: int) -> NDArray[np.uint8]:
    """Three blocks that say which frame it is."""
    trimap = np.zeros((HEIGHT, WIDTH), np.uint8)
    trimap[5:40, 3 + 3 * index : 20 + 3 * index] = 128
    trimap[10:35, 8 + 3 * index : 15 + 3 * index] = 255
    return trimap


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path) -> Path:
    """frame1.png to frame12.png, which sort as 1, 10, 11, 12, 2 by letters."""
    for index in range(COUNT):
        assert cv2.imwrite(str(tmp_path / f"v2_frame{index + 1}.png"), trimap_of(index))
    return tmp_path


def write_video(path: Path, pictures: list[NDArray[np.uint8]], codec: str) -> Path:
    """Gray pictures as a video."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "gray" if codec == "ffv1" else "yuv420p"
        stream.time_base = Fraction(1, 25)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def seen_by(source: ConstantTrimap | TrimapFolder | TrimapVideo, indices: range) -> list[NDArray[np.uint8]]:
    """The trimaps of frames, all looked at before the first is asked for, as a pipeline may do."""
    frames = [frame_at(index) for index in indices]
    seen = [source.look(frame) for frame in frames]
    return [source.trimap(frame, look, None) for frame, look in zip(frames, seen, strict=True)]  # type: ignore[arg-type]


def test_constant_trimap_is_the_same_for_every_frame() -> None:
    for trimap in seen_by(ConstantTrimap(trimap_of(3)), range(4)):
        np.testing.assert_array_equal(trimap, trimap_of(3))
    with pytest.raises(InvalidInput, match=r"size of frame 2, \[48, 63\], got \[47, 63\]"):
        ConstantTrimap(trimap_of(0)).look(frame_at(2, (48, 63)))
    with pytest.raises(InvalidInput, match="uint8"):
        ConstantTrimap(trimap_of(0).astype(np.float32))  # type: ignore[arg-type]


def test_folder_by_order_counts_numbers_in_names(folder: Path) -> None:
    source = TrimapFolder(folder)
    for index, trimap in enumerate(seen_by(source, range(COUNT))):
        np.testing.assert_array_equal(trimap, trimap_of(index))
    source.check_count(COUNT)
    with pytest.raises(InvalidInput, match=r"for frame 12 in .*, found 12, the last for frame 11"):
        source.look(frame_at(COUNT))
    assert isinstance(source, Counted)
    with pytest.raises(InvalidInput, match="for 12 frames, but the clip has 11"):
        source.check_count(COUNT - 1)


def test_folder_by_number_goes_on_anywhere_and_tells_gaps(folder: Path) -> None:
    (folder / "v2_frame3.png").unlink()
    source = TrimapFolder(folder, pairing="number", first_number=1)
    np.testing.assert_array_equal(seen_by(source, range(7, 9))[1], trimap_of(8))
    with pytest.raises(InvalidInput, match="expected one for frame 2"):
        source.look(frame_at(2))


def test_folder_with_names_that_cannot_be_paired(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="frame's number from 2 in the name"):
        TrimapFolder(folder, pairing="number", first_number=2)
    cv2.imwrite(str(folder / "again01.png"), trimap_of(0))
    with pytest.raises(InvalidInput, match="are both of frame 0"):
        TrimapFolder(folder, pairing="number", first_number=1)
    with pytest.raises(InvalidInput, match="pairing: expected 'order' or 'number'"):
        TrimapFolder(folder, pairing="name")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="found none"):
        TrimapFolder(folder / "*.webp")


def test_folder_of_another_size_names_the_file(folder: Path) -> None:
    cv2.imwrite(str(folder / "v2_frame2.png"), trimap_of(1)[:-1])
    with pytest.raises(InvalidInput, match=r"v2_frame2\.png.*frame 1, \[47, 63\], got \[46, 63\]"):
        TrimapFolder(folder).look(frame_at(1))


@pytest.mark.parametrize("depth", [8, 16])
def test_masks_in_place_of_trimaps(tmp_path: Path, depth: int) -> None:
    mask = trimap_of(4) > 0
    levels = mask * np.array(2**depth - 1, np.uint8 if depth == 8 else np.uint16)
    cv2.imwrite(str(tmp_path / "mask.png"), levels)
    (trimap,) = seen_by(TrimapFolder(tmp_path, rule=trimaps.MaskRule(erode=2, dilate=3)), range(1))
    np.testing.assert_array_equal(trimap, trimaps.from_mask(mask, erode=2, dilate=3))


@pytest.mark.parametrize(("codec", "suffix"), [("ffv1", ".mkv"), ("mpeg4", ".mp4")])
def test_video_of_trimaps_survives_lossy_codecs(tmp_path: Path, codec: str, suffix: str) -> None:
    path = write_video(tmp_path / f"trimaps{suffix}", [trimap_of(index) for index in range(COUNT)], codec)
    source = TrimapVideo(path)
    for index, trimap in enumerate(seen_by(source, range(COUNT))):
        wrong = trimap != trimap_of(index)
        assert wrong.sum() == 0 if codec == "ffv1" else wrong.mean() < 0.05
        assert set(np.unique(trimap)) == {0, 128, 255}
    source.check_count(COUNT)
    with pytest.raises(InvalidInput, match=r"frame 12, .* has only 12"):
        source.look(frame_at(COUNT))
    source.close()


def test_video_of_trimaps_goes_on_in_the_middle_but_not_back(tmp_path: Path) -> None:
    path = write_video(tmp_path / "trimaps.mkv", [trimap_of(index) for index in range(COUNT)], "ffv1")
    source = TrimapVideo(path)
    np.testing.assert_array_equal(seen_by(source, range(5, 7))[0], trimap_of(5))
    with pytest.raises(InvalidInput, match="frames go in order"):
        source.look(frame_at(6))
    with pytest.raises(InvalidInput, match="for 12 frames, but the clip has 8"):
        source.check_count(8)


def test_video_of_masks(tmp_path: Path) -> None:
    mask = trimap_of(4) > 0
    path = write_video(tmp_path / "masks.mkv", [mask.astype(np.uint8) * 255], "ffv1")
    (trimap,) = seen_by(TrimapVideo(path, rule=trimaps.MaskRule(2, 3)), range(1))
    np.testing.assert_array_equal(trimap, trimaps.from_mask(mask, erode=2, dilate=3))


def test_video_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av", reason="PyAV is not installed")
    (tmp_path / "broken.mp4").write_bytes(b"nothing of the sort" * 100)
    with pytest.raises(InvalidInput, match=r"cannot read .*broken\.mp4"):
        TrimapVideo(tmp_path / "broken.mp4")
    with pytest.raises(InvalidInput, match=r"cannot read .*missing\.mp4"):
        TrimapVideo(tmp_path / "missing.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BackendUnavailable, match="pip install"):
        TrimapVideo(tmp_path / "broken.mp4")
