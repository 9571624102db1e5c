"""Batched drawing: against OpenCV, against its own batches of one, and that it follows its rules."""

import importlib
import sys
import warnings

import cv2
import numpy as np
import pytest
import torch

from training.scenes import camera
from training.scenes import distance as distance_module
from training.scenes.dice import Dice
from training.scenes.distance import distance, distance_over_rows, over_rows, row_distance
from training.scenes.drawing import SOFT, compose, light, muted, one_hue, shadow, smooth, vivid
from training.scenes.fields import FAINT, enlarged_window, gaussian_blur, ramp, smooth_noise, spread_color
from training.scenes.jpeg import jpeg
from training.scenes.textures import Size, texture
from training.scenes.trimap import random_radii, random_trimaps

SIZE = Size(45, 61)


def dice(count, seed=0):
    return Dice(np.random.default_rng(seed), count)


def masks():
    rng = np.random.default_rng(0)
    found = rng.random((5, 1, *SIZE)) < 0.01
    found[1] = rng.random(SIZE) < 0.4
    found[2], found[3] = False, True
    found[4] = False
    found[4, 0, 44, 60] = True
    return torch.from_numpy(found)


def expected(mask, reach):
    """By comparing each pixel with each."""
    pixels = np.stack(np.mgrid[: SIZE.height, : SIZE.width], -1).reshape(-1, 2)
    found = pixels[mask.numpy().ravel()]
    least = np.sqrt(((pixels[:, None] - found[None]) ** 2).sum(-1).min(1)) if len(found) else np.full(len(pixels), 1e9)
    return np.minimum(least, reach + 1).reshape(SIZE)


@pytest.mark.parametrize("reach", [1, 7, 80])
def test_distances(reach):
    mask = masks()
    for found in (distance(mask, reach), distance_over_rows(row_distance(mask, reach), reach)):
        assert found.shape == mask.shape
        for one, plane in zip(mask, found, strict=True):
            np.testing.assert_allclose(plane[0].numpy(), expected(one, reach), atol=1e-4)


def test_the_kernel(monkeypatch):
    """On a GPU as it is, else by Triton's interpreter, where Triton is installed."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    pytest.importorskip("triton", reason="Triton comes with PyTorch for GPUs")
    monkeypatch.delitem(sys.modules, "training.scenes.distance_cuda", raising=False)
    kernel = importlib.import_module("training.scenes.distance_cuda")
    for reach in (1, 7, 15):
        rows = row_distance(masks()[:2], reach)  # the interpreter takes its time
        torch.testing.assert_close(kernel.distance_over_rows(rows, reach), distance_over_rows(rows, reach))


def test_without_the_kernel_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "training.scenes.distance_cuda", None)
    over_rows.cache_clear()
    with pytest.warns(UserWarning, match="distances for trimaps come from PyTorch, .* no Triton kernel"):
        assert over_rows(torch.device("cpu")) is distance_over_rows
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert over_rows(torch.device("cpu")) is distance_over_rows  # and once
    over_rows.cache_clear()


def test_smooth_colors():
    """About OpenCV's blur by a deviation in SOFT, another for each picture; muted ones keep up to half of the rest."""
    colors = torch.from_numpy(np.random.default_rng(0).random((6, 3, 160, 200), np.float32))
    blurred, nearest = smooth(dice(6, 1), colors.clone()).numpy(), []
    for one, picture in zip(blurred, colors.numpy(), strict=True):
        inside, differences = one[:, 60:-60, 60:-60], {}
        for deviation in np.geomspace(SOFT[0], 1.2 * SOFT[1], 40):
            expected = np.stack([cv2.GaussianBlur(plane, (0, 0), deviation) for plane in picture])
            differences[deviation] = np.abs(expected[:, 60:-60, 60:-60] - inside).mean()
        nearest.append(min(differences, key=differences.get))
        assert differences[nearest[-1]] < 0.3 * inside.std()
    assert len(set(nearest)) == 6
    left, taken = muted(dice(6, 1), colors.clone()).numpy() - blurred, colors.numpy() - blurred
    kept = left.std((1, 2, 3)) / taken.std((1, 2, 3))
    assert (kept <= 0.5).all()
    assert len(set(kept.round(3))) == 6


def test_saturated_colors():
    colors = torch.from_numpy(np.random.default_rng(0).uniform(0.3, 0.6, (40, 3, 8, 9)).astype(np.float32))
    colors[:, :, 0] = 0.4
    changed = vivid(dice(40, 1), colors.clone())
    away, before = (values - values.mean(1, keepdim=True) for values in (changed, colors))
    torch.testing.assert_close(changed[:, :, 0], colors[:, :, 0])  # gray has none
    inside = (changed > 0) & (changed < 1)
    factors = [
        float((a[k] / b[k]).median()) for a, b, k in zip(away, before, inside & (before.abs() > 0.05), strict=True)
    ]
    assert 1 <= min(factors) < 1.3
    assert 2.7 < max(factors) <= 3


def test_shades_of_one_hue():
    """With nothing left of what differs, all pixels of a picture lie on one line through black."""
    colors = torch.from_numpy(np.random.default_rng(0).uniform(0.2, 0.6, (60, 3, 8, 9)).astype(np.float32))
    changed = one_hue(dice(60, 1), colors.clone())
    assert 0 <= changed.min() < changed.max() <= 1

    def off_line(values):
        return torch.stack([torch.linalg.svdvals(one.flatten(1))[1:].norm() for one in values])

    clipped = (changed == 0) | (changed == 1)
    inside = ~clipped.flatten(1).any(1)
    assert inside.sum() > 10
    kept = (off_line(changed) / off_line(colors))[inside]
    assert kept.max() < 0.6
    assert kept.min() < 0.05
    brightness = torch.corrcoef(torch.stack([changed[0].mean(0).flatten(), colors[0].mean(0).flatten()]))
    assert brightness[0, 1] > 0.95  # light and shade stay
    hues = changed.mean((2, 3)) / changed.mean((1, 2, 3), keepdim=False)[:, None]
    assert (hues.std(0) > 0.3).all()  # another for each picture


def test_a_batch_is_its_pictures():
    """Blur, JPEG, color spread and trimaps of a batch are those of each picture by itself."""
    rng = torch.Generator().manual_seed(0)
    pictures = torch.rand((3, 4, *SIZE), generator=rng)
    sigma = torch.tensor([0.4, 0.8, 1.1])[:, None, None, None]
    whole = gaussian_blur(pictures, sigma, 3)
    for n in range(3):
        torch.testing.assert_close(gaussian_blur(pictures[n : n + 1], sigma[n : n + 1], 3)[0], whole[n])
        ours = whole[n].permute(1, 2, 0).numpy()
        theirs = cv2.GaussianBlur(
            pictures[n].permute(1, 2, 0).numpy(), (7, 7), float(sigma[n]), borderType=cv2.BORDER_REPLICATE
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("quality", [60, 75, 90, 97])
def test_jpeg_does_what_libjpeg_does(quality):
    rng = np.random.default_rng(3)
    picture = cv2.GaussianBlur(texture(rng, SIZE) * 255 + rng.normal(0, 8, (*SIZE, 3)), (0, 0), 0.6)
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    theirs = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32)
    batch = torch.from_numpy(picture.transpose(2, 0, 1).astype(np.float32))[None]
    stored = jpeg(batch, torch.full((1, 1, 1, 1), float(quality)))
    ours = stored[0].permute(1, 2, 0).numpy()
    assert (ours % 1 == 0).all()
    ours_off, theirs_off = (np.sqrt(((one - picture) ** 2).mean()) for one in (ours, theirs))
    assert theirs_off > 1
    assert ours_off == pytest.approx(theirs_off, rel=0.05)
    assert np.sqrt(((ours - theirs) ** 2).mean()) < 0.45 * theirs_off  # not as large, but the same artefacts


def test_color_is_the_nearest_one_far_from_the_object():
    layer = torch.zeros((1, 4, 200, 160))
    layer[0, :, 80:90, 20:30] = torch.tensor([0.2, 0.6, 0.4, 1])[:, None, None]
    layer[0, :, 80:90, 30:34] = torch.tensor([0.05, 0.15, 0.1, 0.25])[:, None, None]
    color = spread_color(layer)
    torch.testing.assert_close(color, torch.tensor([0.2, 0.6, 0.4])[None, :, None, None].expand_as(color))
    layer[0, 3, 0, 0] = FAINT / 2  # black, and too faint to count
    assert (spread_color(layer)[0, 1, 0, 0] - 0.6).abs() < 0.02


def test_light_is_about_one_and_smooth():
    found = light(dice(60), SIZE, 0.45)
    assert found.shape == (60, 1, *SIZE)
    assert 0.9 < found.mean() < 1.2
    assert found.min() > 0.1
    assert 0.1 < found.std((1, 2, 3)).mean() < 0.5
    assert (found.diff(dim=3).abs() / found[..., 1:]).max() < 0.3


def test_smooth_fields():
    for noise in (smooth_noise(dice(4), SIZE, (2, 4), 0.35), ramp(dice(4), SIZE)):
        assert noise.shape == (4, 1, *SIZE)
        np.testing.assert_allclose(noise.amin((1, 2, 3)), 0, atol=1e-6)
        np.testing.assert_allclose(noise.amax((1, 2, 3)), 1, atol=1e-6)
    slope = ramp(dice(1), Size(64, 64))
    whole = enlarged_window(dice(1), slope, 1.0, Size(64, 64))
    assert (whole - slope).abs().max() < 0.03
    part = enlarged_window(dice(1), slope, 0.25, Size(64, 64))
    assert part.max() - part.min() < 0.3


def test_shadow_darkens_beside_the_object():
    background, alpha = torch.full((8, 3, 64, 64), 0.5), torch.zeros((8, 1, 64, 64))
    alpha[:, :, 24:40, 24:40] = 1
    shaded = shadow(dice(8), background, alpha)
    assert (shaded <= 0.5).all()
    assert (shaded.flatten(1).amin(1) < 0.49).all()
    assert torch.equal(shadow(dice(8), background, torch.zeros_like(alpha)), background)


def test_what_the_camera_does():
    flat = torch.full((400, 3, 16, 16), 0.5)
    stored = camera.stored(dice(400), flat.clone())
    noise = stored.std((1, 2, 3))
    assert (stored % 1 == 0).all()
    assert 0.2 < (noise < 0.1).float().mean() < 0.45  # 30 % without noise, and what JPEG flattens
    assert noise.max() < 0.03 * 0.9 * 255
    alpha, front, back = torch.full((400, 1, 4, 4), 0.5), torch.ones(400, 3, 4, 4), torch.zeros(400, 3, 4, 4)
    mixed = camera.mixture(dice(400), alpha, front, back).amax((1, 2, 3))
    assert 0.3 < (mixed > 0.5 + 1e-6).float().mean() < 0.5
    assert mixed.max() < 0.5 ** (1 / 2.4) + 1e-6


def test_trimaps_are_as_wide_as_drawn():
    alpha = torch.zeros((300, 1, 220, 30))
    alpha[:, :, :110] = 1
    thrown = dice(300)
    radii = random_radii(thrown.rng, 300)
    trimaps = random_trimaps(thrown, alpha, radii)
    unknown = (trimaps == 128).float().mean(3).sum((1, 2))  # rows
    even = np.isclose(unknown.numpy(), np.floor(radii).sum(0))  # the rows next to the edge are one pixel from it
    assert 0.25 < even.mean() < 0.55  # half of the hands are even, and a third of these leave spots open
    assert radii.min() >= 1.5
    assert radii.max() <= 60
    assert np.median(radii) == pytest.approx(np.sqrt(1.5 * 60), rel=0.25)
    assert (alpha[trimaps == 0] == 0).all()
    assert (alpha[trimaps == 255] == 1).all()


def test_composites_follow_from_their_seed():
    rng = torch.Generator().manual_seed(1)
    layer, background = torch.rand((5, 4, *SIZE), generator=rng), torch.rand((5, 3, *SIZE), generator=rng)
    layer[:, :3] *= layer[:, 3:]
    first, again, other = (
        compose(dice(5, seed), layer.clone(), background.clone(), np.full((2, 5), 3, np.float32)) for seed in (1, 1, 2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.image, other.image)
    assert not first.image.requires_grad
    assert distance_module.FAR > 1000
