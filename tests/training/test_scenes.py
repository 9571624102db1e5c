import cv2
import numpy as np
import pytest

from training.data.samples import crop
from training.scenes import __main__ as command
from training.scenes.__main__ import contact_sheet, main
from training.scenes.drawing import draw_scene
from training.scenes.families import FAMILIES
from training.scenes.statistics import Statistics, measure
from training.scenes.textures import TEXTURES, Size, texture
from training.scenes.trimap import random_trimap

SIZE = Size(97, 133)


@pytest.fixture(scope="module")
def scenes():
    return [draw_scene(np.random.default_rng((3, n)), SIZE, family) for n, family in enumerate(FAMILIES)]


def test_same_seed_same_scene():
    first, again, other = (draw_scene(np.random.default_rng(seed), SIZE) for seed in (5, 5, 6))
    for field in ("image", "alpha", "foreground", "background", "trimap"):
        np.testing.assert_array_equal(getattr(first, field), getattr(again, field))
    assert first.family == again.family
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("number", range(len(FAMILIES)), ids=list(FAMILIES))
def test_arrays_are_what_they_say(scenes, number):
    scene = scenes[number]
    assert scene.family == list(FAMILIES)[number]
    assert scene.image.shape == (*SIZE, 3)
    assert scene.image.dtype == np.uint8
    assert scene.alpha.shape == SIZE
    assert scene.alpha.dtype == np.float32
    assert scene.trimap.shape == SIZE
    assert scene.trimap.dtype == np.uint8
    for values in (scene.alpha, scene.foreground, scene.background):
        assert np.isfinite(values).all()
        assert values.min() >= 0
        assert values.max() <= 1
    assert scene.foreground.dtype == scene.background.dtype == np.float32


@pytest.mark.parametrize("number", range(len(FAMILIES)), ids=list(FAMILIES))
def test_every_family_draws_something(number):
    family = list(FAMILIES)[number]
    seen = [draw_scene(np.random.default_rng((1, seed)), SIZE, family).alpha for seed in range(3)]
    assert any(0.005 < alpha.mean() < 0.995 for alpha in seen)
    assert any(((alpha > 0) & (alpha < 1)).any() for alpha in seen)


def test_known_trimap_agrees_with_alpha(scenes):
    kinds = set()
    for scene in scenes:
        assert (scene.alpha[scene.trimap == 0] == 0).all()
        assert (scene.alpha[scene.trimap == 255] == 1).all()
        kinds |= set(np.unique(scene.trimap).tolist())
    assert kinds == {0, 128, 255}


def test_color_beside_an_object_does_not_fade(scenes):
    for scene in scenes:
        if (painted := scene.alpha > 0).any():
            far = cv2.distanceTransform((~painted).astype(np.uint8), cv2.DIST_L2, 5) > 24
            assert not far.any() or scene.foreground[far].mean() > 0.3 * scene.foreground[painted].mean()


def test_image_is_the_composite(scenes):
    for scene in scenes:
        alpha = scene.alpha[..., None]
        displayed = alpha * scene.foreground + (1 - alpha) * scene.background
        in_light = (alpha * scene.foreground**2.4 + (1 - alpha) * scene.background**2.4) ** (1 / 2.4)
        smooth = [cv2.blur(picture, (5, 5)) for picture in (scene.image / 255, displayed, in_light)]
        lowest, highest = np.minimum(*smooth[1:]), np.maximum(*smooth[1:])
        outside = np.maximum(lowest - smooth[0], smooth[0] - highest)
        assert np.percentile(outside, 99) < 0.08, scene.family  # noise and JPEG artefacts only


@pytest.mark.parametrize("name", list(TEXTURES))
def test_textures(name):
    picture = TEXTURES[name](np.random.default_rng(2), SIZE)
    assert picture.shape == (*SIZE, 3)
    assert picture.dtype == np.float32
    assert picture.min() >= -1e-6
    assert picture.max() <= 1 + 1e-6
    assert texture(np.random.default_rng(2), SIZE, blurred=1.0).std() > 0


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_trimap_of_constant_alpha(value):
    alpha = np.full(SIZE, value, np.float32)
    trimap = random_trimap(np.random.default_rng(0), alpha)
    assert (trimap == {0.0: 0, 0.5: 128, 1.0: 255}[value]).all()


def test_crops_stay_inside_and_hold_unknown_pixels(scenes):
    rng = np.random.default_rng(0)
    for scene in scenes:
        for _ in range(4):
            sample = crop(rng, scene, 64)
            assert sample is not None
            planes, alpha, foreground, background, unknown = sample
            assert planes.shape == (4, 64, 64)
            assert alpha.shape == unknown.shape == (1, 64, 64)
            assert foreground.shape == background.shape == (3, 64, 64)
            assert unknown.any()
            assert (alpha[~unknown] % 1 == 0).all()


def test_crop_without_unknown_pixels(scenes):
    known = scenes[0].__class__(**{**vars(scenes[0]), "trimap": np.zeros(SIZE, np.uint8)})
    assert crop(np.random.default_rng(0), known, 64) is None


def test_contact_sheet():
    sheet = contact_sheet(0, columns=1, tile=Size(16, 20))
    assert sheet.shape == (16 * len(FAMILIES), 60, 3)
    assert sheet.dtype == np.uint8


def test_contact_sheet_command(tmp_path, monkeypatch):
    sheet = lambda seed, columns, folder: np.full((seed, columns, 3), 9, np.uint8)  # noqa: E731
    monkeypatch.setattr(command, "contact_sheet", sheet)
    options = ["--seed", "7", "--columns", "5", "--out"]
    main([*options, str(tmp_path / "sheet.png")])
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (7, 5, 3)
    with pytest.raises(SystemExit, match="cannot write"):
        main([*options, str(tmp_path / "missing" / "sheet.png")])


def test_nothing_to_do():
    with pytest.raises(SystemExit, match="2"):
        main([])


def test_a_hand_leaves_spots_open():
    alpha = np.zeros((200, 200), np.float32)
    alpha[:, 100:] = 1
    marks = [random_trimap(np.random.default_rng(seed), alpha, radii=(1.5, 60.0)) for seed in range(40)]
    apart = [cv2.connectedComponents((trimap == 128).astype(np.uint8))[0] > 2 for trimap in marks]
    assert 2 <= sum(apart) <= 25


def two_halves() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pure red of two lightnesses on the left, black beside it, on a background of noise."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (200, 400, 1), np.uint8).repeat(3, 2)
    image[:, :100] = (200, 0, 0)
    image[100:, :100] = (100, 0, 0)
    image[:, 100:125] = 0
    alpha = np.zeros((200, 400), np.float32)
    alpha[:, :125] = 1
    trimap = (alpha * 255).astype(np.uint8)
    trimap[:, 115:135] = 128
    return image, trimap, alpha


def test_statistics_of_a_picture():
    figures = measure(*two_halves())
    assert figures.black == pytest.approx(20)
    assert figures.hue_spread == pytest.approx(0, abs=0.1)
    assert figures.saturation == pytest.approx(0.8)
    assert figures.islands == pytest.approx(2 * 1e5 / 80000)
    assert figures.unknown == pytest.approx(5)
    assert 9 <= figures.unknown_reach <= 10
    assert abs(figures.slope) < 0.3  # white noise
    assert 45 < figures.lightness_range < 65  # 200 and 0.3 of red in gray


def test_colors_off_a_line():
    rng, ends = np.random.default_rng(0), np.array([[60, 90, 120], [100, 170, 240]])
    alpha, trimap = np.ones((60, 70), np.float32), np.full((60, 70), 255, np.uint8)
    along = rng.uniform(0, 1, (60, 70, 1))
    line = (ends[0] + along * (ends[1] - ends[0])).round().astype(np.uint8)
    assert measure(line, trimap, alpha).foreground_off_line < 0.6, "rounding alone"
    noise = rng.normal(0, 8, (60, 70, 3))
    off = np.clip(line + noise, 0, 255).astype(np.uint8)
    across = measure(off, trimap, alpha).foreground_off_line
    assert 8 < across < np.sqrt(2) * 8, "noise in two of three directions, less what the line takes"
    figures = measure(off, trimap * 0, alpha * 0)
    assert np.isnan(figures.foreground_off_line)
    assert figures.background_off_line == across


def test_statistics_of_nothing():
    empty = measure(
        np.zeros((40, 50, 3), np.uint8), np.full((40, 50), 128, np.uint8), np.full((40, 50), 0.5, np.float32)
    )
    assert np.isnan([empty.lightness_range, empty.black, empty.slope, empty.saturation, *empty[-2:]]).all()
    assert empty.unknown == 100


def test_statistics_command(capsys):
    main(["--statistics", "2", "--seed", "3"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| | drawn |"
    assert len(lines) == 2 + len(Statistics._fields)
