"""Key frames carried through a clip: unknown stays with the edges, what is new is unknown, cuts are told."""

from __future__ import annotations

import errno
import logging
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dim_trt.errors import Error, InvalidInput
from dim_trt.tracking import carrying
from dim_trt.tracking.anchors import UNTRACKED_PX, Anchor
from dim_trt.tracking.backwards import Reread
from dim_trt.tracking.flow import Motion, Watcher, small_picture
from dim_trt.tracking.key_frames import KeyFrames
from dim_trt.tracking.sources import Frame, Remembers
from tests.tracking.scenes import HEIGHT, WIDTH, scene, truth_trimap

pytestmark = pytest.mark.public
U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


def carry(source: KeyFrames, frames: list[tuple[Frame, F32]], wrong: float = 0.0) -> list[U8]:
    with closing(source):
        return list(trimaps_of(source, frames, wrong))


def trimaps_of(source: KeyFrames, frames: list[tuple[Frame, F32]], wrong: float) -> Iterator[U8]:
    """The trimaps when matting answers the truth in unknown pixels, or 1 - truth in a share `wrong` of them."""
    rng, previous = np.random.default_rng(3), None
    for frame, truth in frames:
        trimap = source.trimap(frame, source.look(frame), previous)
        flipped = cv2.GaussianBlur(rng.random(truth.shape, np.float32), (0, 0), 3)
        answer = np.where(flipped < np.quantile(flipped, wrong), 1 - truth, truth) if wrong else truth
        previous = np.where(trimap == 128, answer, trimap / 255).astype(np.float32)
        yield trimap


def wrongly_known(trimap: U8, alpha: F32) -> float:
    return float(((trimap != 128) & (np.abs(trimap / 255 - alpha) > 0.1)).mean())


def unknown(trimap: U8) -> float:
    return float((trimap == 128).mean())


@pytest.mark.parametrize("pan", [0, 4])
def test_one_key_frame_is_enough_for_a_textured_object(pan: int) -> None:
    frames = [scene(index, pan=pan) for index in range(25)]
    found = carry(KeyFrames({0: truth_trimap(frames[0][1])}), frames)
    np.testing.assert_array_equal(found[0], truth_trimap(frames[0][1]))
    for trimap, (_, alpha) in zip(found, frames, strict=True):
        assert wrongly_known(trimap, alpha) < 0.002
        assert {0, 128, 255} == set(np.unique(trimap))
    assert unknown(found[-1]) < 2.2 * unknown(truth_trimap(frames[-1][1]))


def test_mistakes_of_matting_do_not_pile_up() -> None:
    frames = [scene(index, step=1) for index in range(40)]
    found = carry(KeyFrames({0: truth_trimap(frames[0][1])}), frames, wrong=0.1)
    assert np.mean([wrongly_known(found[index], frames[index][1]) for index in range(30, 40)]) < 0.01
    assert unknown(found[-1]) < 2.5 * unknown(found[0])


def test_what_comes_in_becomes_unknown_before_it_can_be_wrong() -> None:
    frames = [scene(index, step=0, second_x=-20 + 4 * index) for index in range(20)]
    found = carry(KeyFrames({0: truth_trimap(scene(0, step=0)[1])}), frames)
    for trimap, (_, alpha) in zip(found, frames, strict=True):
        assert wrongly_known(trimap, alpha) < 0.006
    square = np.zeros((HEIGHT, WIDTH), np.bool_)
    square[8:33, 44:69] = True  # well inside it in the last frame
    assert (found[-1][square] != 0).mean() > 0.9


def test_what_a_pan_brings_in_is_background_and_the_unknown_region_stays_bounded() -> None:
    frames = [scene(index, step=0, pan=6) for index in range(30)]
    rng, previous, source = np.random.default_rng(5), None, KeyFrames({0: truth_trimap(frames[0][1])})
    found = []
    for frame, truth in frames:
        trimap = source.trimap(frame, source.look(frame), previous)
        far = cv2.blur(truth, (61, 61)) == 0  # where matting calls whatever it is asked about foreground
        answer = np.where(far, rng.random(truth.shape, np.float32) > 0.3, truth)
        previous = np.where(trimap == 128, answer, trimap / 255).astype(np.float32)
        found.append(trimap)
    assert wrongly_known(found[-1], frames[-1][1]) < 0.003
    assert max(unknown(trimap) for trimap in found) < 1.8 * unknown(found[0])
    assert (found[-1][:, -20:] == 0).mean() > 0.95


def test_an_object_that_comes_in_stays_unknown_when_matting_takes_it_for_background() -> None:
    frames = [scene(index, step=0, second_x=-20 + 4 * index) for index in range(22)]
    source, previous = KeyFrames({0: truth_trimap(scene(0, step=0)[1])}), None
    for frame, _ in frames:
        trimap = source.trimap(frame, source.look(frame), previous)
        previous = np.where(trimap == 128, scene(0, step=0)[1], trimap / 255).astype(np.float32)
    assert (trimap[10:31, 54:75] == 128).mean() > 0.6
    assert unknown(trimap) < 0.35


def test_key_frames_in_between_are_taken_as_they_are() -> None:
    frames = [scene(index) for index in range(6)]
    key = np.full((HEIGHT, WIDTH), 128, np.uint8)
    found = carry(KeyFrames({0: truth_trimap(frames[0][1]), 4: key}), frames)
    np.testing.assert_array_equal(found[4], key)
    assert unknown(found[5]) > 0.1  # what that key frame left open


def rereading(frames: list[tuple[Frame, F32]]) -> Reread:
    return lambda start: (frame for frame, _ in frames[start:])


def test_the_next_key_frame_counts_backwards_and_the_first_need_not_be_frame_0() -> None:
    frames = [scene(index, step=0, second_x=-20 + 4 * index) for index in range(23)]
    keys = {index: truth_trimap(frames[index][1]) for index in (13, 22)}
    found = carry(KeyFrames(keys, reread=rereading(frames)), frames)
    for index, (trimap, (_, alpha)) in enumerate(zip(found, frames, strict=True)):
        assert wrongly_known(trimap, alpha) < 0.005, index
        assert unknown(trimap) < 0.4, index
    ahead = carry(KeyFrames({0: truth_trimap(frames[0][1]), 22: keys[22]}), frames)
    both = carry(KeyFrames({0: truth_trimap(frames[0][1]), 22: keys[22]}, reread=rereading(frames)), frames)
    inside = np.s_[12:29, 52:69]  # of what came in, two frames before the key frame that shows it
    assert (ahead[20][inside] == 255).mean() < 0.1
    assert (both[20][inside] == 255).mean() > 0.7


def test_where_key_frames_contradict_each_other_nothing_is_known() -> None:
    frames = [scene(0, step=0)[0]] * 9
    frames = [(Frame(index, frame.image, None), scene(0, step=0)[1]) for index, frame in enumerate(frames)]
    keys = {0: np.zeros((HEIGHT, WIDTH), np.uint8), 8: np.full((HEIGHT, WIDTH), 255, np.uint8)}
    found = carry(KeyFrames(keys, reread=rereading(frames)), frames)
    assert all((trimap == 128).all() for trimap in found[1:8])


def test_backwards_goes_on_as_it_began_and_needs_each_frame_once() -> None:
    frames = [scene(index, pan=2) for index in range(12)]
    keys = {index: truth_trimap(frames[index][1]) for index in (3, 7, 10)}
    given: list[int] = []

    def reread(start: int) -> Generator[Frame, None, None]:
        for frame, _ in frames[start:]:
            given.append(frame.index)
            yield frame

    whole = carry(KeyFrames(keys, reread=reread), frames)
    assert given == list(range(11))
    source = KeyFrames(keys, reread=reread)
    assert [source.first_look(index) for index in (0, 2, 4, 9, 11)] == [0, 0, 3, 7, 10]
    seen = [source.look(frames[index][0]) for index in range(source.first_look(9), 10)][-1]
    previous = np.where(whole[8] == 128, frames[8][1], whole[8] / 255).astype(np.float32)
    np.testing.assert_array_equal(source.trimap(frames[9][0], seen, previous), whole[9])
    source.close()


def test_no_room_for_the_frames_before_a_key_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [scene(index) for index in range(3)]

    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(Error, match=r"cannot carry key frame 2 back: .*No space left on device; TMPDIR names"):
        carry(KeyFrames({2: truth_trimap(frames[2][1])}, reread=rereading(frames)), frames)


def test_a_cut_needs_no_key_frame_of_its_own_where_one_follows() -> None:
    frames = cut_scene()
    keys = {index: truth_trimap(frames[index][1]) for index in (1, 6)}
    found = carry(KeyFrames(keys, reread=rereading(frames)), frames)
    for trimap, (_, alpha) in zip(found, frames, strict=True):
        assert wrongly_known(trimap, alpha) < 0.004
        assert unknown(trimap) < 0.4
    with pytest.raises(InvalidInput, match="frame 0: the clip begins here and there is no key frame; add a trimap"):
        carry(KeyFrames({6: keys[6]}, reread=rereading(frames)), frames)
    assert (carry(KeyFrames({6: keys[6]}, at_cut="unknown", reread=rereading(frames)), frames)[0] == 128).all()


def cut_scene() -> list[tuple[Frame, F32]]:
    frames = [scene(index) for index in range(7)]
    for index in range(4, 7):
        image = np.ascontiguousarray(frames[index][0].image[::-1, ::-1])
        frames[index] = (Frame(index, image, None), frames[index][1][::-1, ::-1])
    return frames


def test_cut_without_a_key_frame_names_the_frame() -> None:
    frames = cut_scene()
    key = truth_trimap(frames[0][1])
    with pytest.raises(InvalidInput, match="frame 4: the scene changes here and there is no key frame"):
        carry(KeyFrames({0: key}), frames)
    found = carry(KeyFrames({0: key, 4: truth_trimap(frames[4][1])}), frames)
    assert wrongly_known(found[-1], frames[-1][1]) < 0.003


def test_other_ways_at_a_cut(caplog: pytest.LogCaptureFixture) -> None:
    frames = cut_scene()
    key = truth_trimap(frames[0][1])
    with caplog.at_level(logging.WARNING, "dim_trt"):
        found = carry(KeyFrames({0: key}, at_cut="unknown"), frames)
    assert (found[4] == 128).all()
    assert wrongly_known(found[-1], frames[-1][1]) < 0.003
    assert [record.getMessage()[:8] for record in caplog.records] == ["frame 4:"]
    assert (carry(KeyFrames({0: key}, at_cut="carry"), frames)[4] != 128).any()


def test_a_flash_is_no_cut() -> None:
    frames = [scene(index)[0].image for index in range(2)]
    watcher = Watcher()
    assert watcher.motion(frames[0] // 2) is None
    motion = watcher.motion(frames[1] // 2 + 90)
    assert motion is not None
    assert not motion.cut


def test_a_run_that_goes_on_sees_what_an_uninterrupted_one_saw() -> None:
    frames = [scene(index, pan=2) for index in range(9)]
    keys = {0: truth_trimap(frames[0][1]), 3: truth_trimap(frames[3][1])}
    whole = carry(KeyFrames(keys), frames)
    source = KeyFrames(keys)
    assert isinstance(source, Remembers)
    assert [source.first_look(index) for index in (0, 1, 3, 4, 8)] == [0, 0, 0, 3, 3]
    seen = [source.look(frames[index][0]) for index in range(source.first_look(8), 9)][-1]
    previous = np.where(whole[7] == 128, frames[7][1], whole[7] / 255).astype(np.float32)
    np.testing.assert_array_equal(source.trimap(frames[8][0], seen, previous), whole[8])


def test_flow_finds_a_shift_there_and_what_came_in() -> None:
    watcher = Watcher()
    watcher.motion(scene(0, step=0, pan=8)[0].image)
    motion = watcher.motion(scene(1, step=0, pan=8)[0].image)
    assert isinstance(motion, Motion)
    at_background = np.median(motion.back[:4, 10:-20, 0]) * motion.scale
    assert at_background == pytest.approx(8, abs=0.7)
    assert motion.new[:, -1].mean() > 0.8
    assert motion.new[:, 5:15].mean() < 0.1


def test_an_anchor_forgets_what_it_cannot_follow() -> None:
    frames = [scene(index, step=0, second_x=-20 + 4 * index)[0] for index in range(12)]
    watcher, anchor = Watcher(), Anchor.at(truth_trimap(scene(0, step=0)[1]))
    watcher.motion(frames[0].image)
    for frame in frames[1:]:
        motion = watcher.motion(frame.image)
        assert motion is not None
        anchor = anchor.carried(motion)
    doubt = cv2.resize(anchor.doubt_px, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    assert (doubt[8:32, 12:36] >= UNTRACKED_PX).mean() > 0.6  # the square that came in
    assert np.median(doubt[60:80, 50:70]) < 5  # the object


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (17, 19), (15, 300)])
def test_tiny_pictures(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    source = KeyFrames({0: np.full(size, 255, np.uint8)})
    source.look(Frame(0, image, None))
    trimap = source.trimap(Frame(1, image, None), source.look(Frame(1, image, None)), np.ones(size, np.float32))
    assert trimap.shape == size
    assert (trimap == 255).mean() > 0.9


def test_bad_arguments() -> None:
    key = np.zeros((HEIGHT, WIDTH), np.uint8)
    for keys, more, message in (
        ({}, {}, "frame 0"),
        ({3: key}, {}, "frame 0"),
        ({0: key.astype(np.float32)}, {}, "frame 0: expected uint8"),
        ({0: key}, {"at_cut": "go"}, "at_cut: expected one of stop, unknown, carry"),
        ({0: key}, {"band_px": 0}, "band_px: expected at least 1"),
    ):
        with pytest.raises(InvalidInput, match=message):
            KeyFrames(keys, **more)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"key frame 0.*expected the size of frame 0"):
        KeyFrames({0: key[1:]}).look(scene(0)[0])
    source = KeyFrames({0: key})
    source.look(scene(0)[0])
    with pytest.raises(InvalidInput, match="previous: expected the alpha of the frame before frame 1"):
        source.trimap(scene(1)[0], source.look(scene(1)[0]), None)
    with pytest.raises(InvalidInput, match="frames of one size"):
        source.look(Frame(2, np.zeros((HEIGHT * 3, WIDTH, 3), np.uint8), None))


def test_trimaps_of_large_frames_are_made_smaller_and_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [scene(index) for index in range(12)]
    key = {0: truth_trimap(frames[0][1])}
    whole = carry(KeyFrames(key, band_px=9), frames)
    monkeypatch.setattr(carrying, "WORKING_PX", min(HEIGHT, WIDTH) // 2)
    halved, thin = carry(KeyFrames(key, band_px=9), frames), carry(KeyFrames(key, band_px=5), frames)
    assert any(not np.array_equal(one, other) for one, other in zip(whole, halved, strict=True))
    for one, other, (_, alpha) in zip(whole, halved, frames, strict=True):
        assert one.shape == other.shape
        assert abs(unknown(one) - unknown(other)) < 0.02
        assert not ((np.minimum(one, other) == 0) & (np.maximum(one, other) == 255)).any()
        assert wrongly_known(other, alpha) < 0.002
    assert unknown(thin[-1]) < unknown(halved[-1])  # a thin band is made at full size


@pytest.mark.parametrize(
    ("size", "small"),
    [((40, 50), (40, 50)), ((200, 130), (100, 65)), ((361, 640), (91, 160)), ((1080, 1920), (180, 320)),
     ((3840, 2160), (320, 180))],
)  # fmt: skip
def test_motion_is_looked_for_in_a_picture_of_bounded_size(size: tuple[int, int], small: tuple[int, int]) -> None:
    assert small_picture(np.zeros((*size, 3), np.uint8)).shape == (*small, 3)
