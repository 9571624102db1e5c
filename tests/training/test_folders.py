import shutil

import cv2
import numpy as np
import pytest
import torch

from training import model as model_module
from training.checkpoints import load_checkpoint
from training.configs import lite
from training.data.folders import FolderSource, find_foregrounds, find_layout, window
from training.data.loader import MAX_UNREADABLE, batches
from training.data.preprocess import PREPROCESSING
from training.data.reading import alpha_of, color_of, decode, read_header
from training.data.samples import DataError
from training.losses import alpha_loss
from training.model import ModelConfig
from training.run import Run
from training.settings import Settings
from training.train import main


def disc(height, width):
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 2)
    return np.clip(255 * (min(height, width) / 3 - distance) / 8, 0, 255).astype(np.uint8)


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def fill(fg, alpha, names, ending=".png"):
    for number, name in enumerate(names):
        height, width = 91 + 10 * number, 123
        noise = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
        write(fg / f"{name}{ending}", noise)
        write(alpha / f"{name}.png", disc(height, width))


@pytest.fixture
def plain(tmp_path):
    root = tmp_path / "plain"
    fill(root / "fg", root / "alpha", ["one", "two"], ".jpg")
    for name, gray in (("dark", 10), ("light", 250)):
        write(root / f"bg/{name}.png", np.full((50, 70, 3), gray, np.uint8))
    return root


@pytest.fixture
def composition(tmp_path):
    part = tmp_path / "adobe/Combined_Dataset/Training_set"
    for folder, names in (("Adobe-licensed images", ["a", "b"]), ("Other", ["c"])):
        fill(part / folder / "fg", part / folder / "alpha", names)
    (part / "training_fg_names.txt").write_text("c.png\na.png\n\na.png\n")
    (part / "training_bg_names.txt").write_text("x.jpg\nx.jpg\n")
    write(tmp_path / "coco/x.jpg", np.full((64, 64, 3), 99, np.uint8))
    write(tmp_path / "coco/unlisted.jpg", np.full((64, 64, 3), 1, np.uint8))
    return part


def test_plain_layout(plain):
    source = FolderSource(plain, None, 32)
    assert source.names == ["one", "two"]
    assert len(source.backgrounds) == 2


def test_composition_1k_layout(composition, tmp_path):
    source = FolderSource(tmp_path / "adobe", tmp_path / "coco", 32)
    assert source.names == ["c", "a"]
    assert [path.name for path in source.backgrounds] == ["x.jpg"]
    (composition / "training_fg_names.txt").unlink()
    assert len(find_foregrounds(find_layout(tmp_path / "adobe", tmp_path / "coco"))) == 3
    test_set = composition.with_name("Test_set")
    fill(test_set / "Other/fg", test_set / "Other/alpha", ["t"])
    layout = find_layout(tmp_path / "adobe/Combined_Dataset", tmp_path / "coco", test=True)
    assert [found.name for found in find_foregrounds(layout)] == ["t"]


def test_samples_are_composites_with_agreeing_trimaps(plain):
    source = FolderSource(plain, None, 32)
    seen = set()
    for seed in range(12):
        for part in source.draw(np.random.default_rng(seed), seed % 2, 3):
            assert part.input.shape == (4, 32, 32)
            assert part.foreground.shape == part.background.shape == (3, 32, 32)
            mixed = part.alpha * part.foreground + (1 - part.alpha) * part.background
            mean, std = (np.array(v)[:, None, None] for v in (PREPROCESSING.mean, PREPROCESSING.std))
            assert np.abs(part.input[:3] * std + mean - 255 * mixed).max() < 0.51
            trimap = np.round(255 * part.input[3])
            assert (part.alpha[0][trimap == 0] == 0).all()
            assert (part.alpha[0][trimap == 255] == 1).all()
            assert part.unknown.any()
            assert part.background.min() == part.background.max()
            seen |= {*np.unique(trimap).tolist(), round(float(part.background.max()), 2)}
    assert seen == {0, 128, 255, round(10 / 255, 2), round(250 / 255, 2)}


def test_foreground_and_alpha_stay_together(plain):
    """A color that is the alpha itself stays the alpha through crop, resize and flip."""
    alpha = disc(91, 123)
    alpha[:20] = 0  # nothing symmetric
    alpha[:, 70:] //= 2
    alpha[alpha < 3], alpha[alpha > 252] = 0, 255  # as it is read
    write(plain / "alpha/one.png", alpha)
    (plain / "fg/one.jpg").unlink()
    write(plain / "fg/one.png", np.repeat(alpha[..., None], 3, 2))
    for part in FolderSource(plain, None, 48).draw(np.random.default_rng(1), 0, 8):
        np.testing.assert_allclose(part.foreground, np.repeat(part.alpha, 3, 0), atol=1e-6)


def test_same_seed_same_samples_with_any_number_of_workers(plain):
    source = FolderSource(plain, None, 32)
    first, again = (next(batches(source, 4, seed=3, workers=workers)) for workers in (0, 2))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert set(first.kind.tolist()) <= {0, 1}
    assert alpha_loss(first.alpha, first.alpha, first.unknown).item() < 1e-5


def test_hard_edges_and_pictures_smaller_than_a_crop(plain):
    write(plain / "alpha/one.png", np.uint8(255) * (disc(91, 123) > 99))
    write(plain / "bg/dark.png", np.zeros((1, 3, 3), np.uint8))
    for seed in range(4):
        for part in FolderSource(plain, None, 160).draw(np.random.default_rng(seed), 0, 2):
            assert part.alpha.shape == (1, 160, 160)
            assert part.unknown.any()


def test_an_unknown_pixel_is_in_the_middle_of_each_crop(plain):
    alpha = np.zeros((91, 123), np.uint8)
    alpha[46:, 62:] = 255
    alpha[46, 62] = 128  # the only one
    write(plain / "alpha/one.png", alpha)
    for part in FolderSource(plain, None, 32).draw(np.random.default_rng(0), 0, 6):
        covered = part.alpha[0] > 0.02  # the quadrant that begins in the middle, perhaps mirrored
        assert abs(covered.any(0).sum() - 16) <= 1
        assert abs(covered.any(1).sum() - 16) <= 1
    assert window((3, 120), (91, 123), 32) == (slice(0, 32), slice(91, 123))
    assert window((46, 62), (91, 123), 32) == (slice(30, 62), slice(46, 78))


def shorten(path, share=0.6):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


def spoil_size(root):
    write(root / "alpha/one.png", disc(40, 50))


def spoil_file(root):
    (root / "fg/one.jpg").write_bytes(b"no picture")


SPOILED = [
    (spoil_size, r"alpha/one\.png: 50x40 pixels, but .*fg/one\.jpg has 123x91"),
    (spoil_file, r"fg/one\.jpg: .*truncated,? or no picture"),
    (lambda root: shorten(root / "fg/one.jpg"), r"fg/one\.jpg: .*truncated,? or no picture"),
    (lambda root: shorten(root / "alpha/one.png"), r"alpha/one\.png: .*truncated,? or no picture"),
    (lambda root: shorten(root / "bg/dark.png"), r"bg/dark\.png: .*truncated,? or no picture"),
    (lambda root: (root / "bg/dark.png").write_bytes(b""), r"bg/dark\.png: .*truncated,? or no picture"),
]


@pytest.mark.parametrize(("spoil", "message"), SPOILED)
def test_every_file_is_looked_at_before_training(plain, spoil, message):
    FolderSource(plain, None, 32).check()
    spoil(plain)
    with pytest.raises(DataError, match=message):
        FolderSource(plain, None, 32).check()


def test_all_that_is_wrong_is_said_at_once(plain):
    for path in (*plain.glob("bg/*"), plain / "fg/one.jpg"):
        path.write_bytes(b"")
    with pytest.raises(
        DataError, match=r"^3 of 6 pictures cannot be trained on:\n  .*one\.jpg.*\n  .*dark.*\n  .*light"
    ):
        FolderSource(plain, None, 32).check()


def test_what_follows_a_picture_in_its_file_does_not_matter(plain):
    for path in (plain / "fg/one.jpg", plain / "alpha/two.png"):
        path.write_bytes(path.read_bytes() + 200 * b"photo")
    source = FolderSource(plain, None, 32)
    source.check()
    assert len(source.draw(np.random.default_rng(0), 0, 1)) == 1


def test_unusual_files_are_looked_at_too(tmp_path):
    """Pillow does not know three floats a pixel; OpenCV does."""
    write(tmp_path / "a.tif", np.ones((9, 11, 3), np.float32))
    write(tmp_path / "b.tif", np.full((9, 11, 3), 40000, np.uint16))
    assert read_header(tmp_path / "a.tif") == read_header(tmp_path / "b.tif") == (9, 11, False)
    assert color_of(decode(tmp_path / "a.tif"), tmp_path).max() == 255
    assert (color_of(decode(tmp_path / "b.tif"), tmp_path) == 40000 >> 8).all()


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("file", ["fg/one.jpg", "alpha/one.png"])
def test_a_picture_that_breaks_later_is_left_out(plain, capsys, workers, file):
    source = FolderSource(plain, None, 32)
    shorten(plain / file)
    for batch, _ in zip(batches(source, 4, seed=0, workers=workers), range(9), strict=False):
        assert (batch.kind == 1).all()
    said = capsys.readouterr().out
    assert said.count("left out") == 1
    assert f"left out, 1 of at most {MAX_UNREADABLE}: {plain / file}: truncated" in said


def test_samples_with_a_broken_picture_are_the_same_each_time(plain):
    source = FolderSource(plain, None, 32)
    (plain / "bg/dark.png").unlink()
    first, again = (next(batches(source, 4, seed=3, workers=workers)) for workers in (0, 1))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_too_many_broken_pictures_end_the_run(plain):
    source = FolderSource(plain, None, 32)
    for path in plain.glob("fg/*"):
        path.unlink()
    with pytest.raises(DataError, match=rf"(?s)too many .* at most {MAX_UNREADABLE} .*fg/one\.jpg: missing or unread"):
        next(batches(source, 2, seed=0))


def stored(path, values):
    write(path, values)
    return alpha_of(decode(path), path)


def test_alpha_of_every_kind_of_file(tmp_path):
    levels = np.arange(256, dtype=np.uint8)[None].repeat(7, 0)
    snapped = levels.copy()
    snapped[:, :3], snapped[:, 253:] = 0, 255
    np.testing.assert_array_equal(stored(tmp_path / "gray.png", levels), snapped)
    np.testing.assert_array_equal(stored(tmp_path / "color.png", np.dstack([levels] * 3)), snapped)
    covered = np.dstack([levels, levels, levels, np.full_like(levels, 255)])
    np.testing.assert_array_equal(stored(tmp_path / "opaque.png", covered), snapped)
    cutout = np.dstack([np.full((7, 256, 3), 9, np.uint8), levels])
    np.testing.assert_array_equal(stored(tmp_path / "cutout.png", cutout), snapped)
    deep = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(7, 0)
    np.testing.assert_array_equal(stored(tmp_path / "deep.png", deep), deep)
    floats = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(7, 0)
    np.testing.assert_array_equal(stored(tmp_path / "float.tif", floats), floats)
    mask = (levels > 99).astype(np.uint8)
    np.testing.assert_array_equal(stored(tmp_path / "mask.png", mask), 255 * mask)
    np.testing.assert_array_equal(stored(tmp_path / "deep mask.png", mask.astype(np.uint16)), 255 * mask)


def test_alpha_that_cannot_be_is_named(tmp_path):
    floats = np.linspace(0, 255, 256, dtype=np.float32)[None].repeat(7, 0)
    for values, message in (
        (floats, "expected floats in 0..1, got 0 to 255"),
        (np.where(floats > 9, np.nan, 0), "expected floats in 0..1, got nan to nan"),
        (np.full((7, 9), 255, np.uint8), "alpha is 255 everywhere"),
        (np.full((7, 9), 2, np.uint8), "alpha is 2 everywhere"),
    ):
        path = tmp_path / ("a.tif" if values.dtype != np.uint8 else "a.png")
        with pytest.raises(DataError, match=message):
            stored(path, values.astype(np.float32) if values.dtype == np.float64 else values)


@pytest.mark.parametrize("depth", [np.uint16, np.float32])
def test_samples_of_deep_alpha(plain, depth):
    alpha = disc(91, 123) / np.float32(255)
    (plain / "alpha/one.png").unlink()
    write(plain / "alpha/one.tif", alpha if depth == np.float32 else np.rint(alpha * 65535).astype(depth))
    source = FolderSource(plain, None, 32)
    source.check()
    for part in source.draw(np.random.default_rng(0), 0, 4):
        assert part.alpha.max() == 1
        assert part.alpha.min() == 0
        assert part.unknown.any()


@pytest.mark.parametrize("inside", ["fg", "."])
def test_cutouts_need_no_alpha_beside_them(plain, inside):
    shutil.rmtree(plain / "alpha")
    shutil.rmtree(plain / "fg")
    alpha = disc(91, 123)
    color = np.where(alpha[..., None] > 0, np.uint8([30, 60, 90]), np.uint8(255))  # white where nothing is seen
    write(plain / inside / "one.png", np.dstack([color, alpha]))
    source = FolderSource(plain, None, 32)
    source.check()
    assert source.names == ["one"]
    for part in source.draw(np.random.default_rng(0), 0, 6):
        assert part.alpha.max() > 0.9
        rgb = part.foreground.reshape(3, -1).T * 255
        np.testing.assert_allclose(rgb, np.broadcast_to(np.float32([90, 60, 30]), rgb.shape), atol=1e-3)
    write(plain / inside / "two.png", color)
    with pytest.raises(
        DataError, match=r"two\.png: has no alpha channel; expected cut-outs, or their alpha in a folder"
    ):
        FolderSource(plain, None, 32).check()


def test_a_broken_picture_in_a_run_of_200_steps(plain, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", ModelConfig(width=0.0625, norm="batch", skip=True))
    monkeypatch.setattr(lite, "SETTINGS", Settings("tiny", crop_size=32, batch=2, learning_rate=1e-3))
    step, out = Run.train_step, tmp_path / "run"

    def breaking(run, batch, progress, half):
        if run.step == 20:
            shorten(plain / "fg/one.jpg")
        if run.step == 150:
            shutil.rmtree(plain / "bg")
        return step(run, batch, progress, half)

    monkeypatch.setattr(Run, "train_step", breaking)
    options = ["--config", "lite", "--steps", "200", "--workers", "0", "--threads", "1", "--data", str(plain)]
    with pytest.raises(SystemExit, match=r"(?s)too many pictures cannot be read.*bg/.*last\.pt is saved; go on with"):
        main([*options, "--out", str(out)])
    assert "left out, 1 of at most 10:" in capsys.readouterr().out
    assert load_checkpoint(out / "last.pt")["training"]["step"] in (150, 151, 152, 153)


def test_bad_folders_are_named(plain, composition, tmp_path):
    def message(data, backgrounds=None):
        with pytest.raises(DataError) as caught:
            FolderSource(data, backgrounds, 32)
        return str(caught.value)

    assert "nowhere: no such folder" in message(tmp_path / "nowhere")
    assert "coco2: no such folder" in message(tmp_path / "adobe", tmp_path / "coco2")
    (composition / "training_bg_names.txt").write_text("y.jpg\n")
    assert "training_bg_names.txt lists y.jpg: no such" in message(tmp_path / "adobe", tmp_path / "coco")
    (composition / "training_fg_names.txt").write_text("z.png\n")
    assert "training_fg_names.txt lists z.png: no such" in message(tmp_path / "adobe", tmp_path / "coco")
    (plain / "alpha/two.png").unlink()
    assert "two.jpg: no picture of that name in" in message(plain)
    write(plain / "alpha/two.png", disc(9, 9))
    write(plain / "alpha/two.jpg", disc(9, 9))
    assert "two.png: same name as two.jpg" in message(plain)
    for path in (*plain.glob("bg/*"), plain / "alpha/two.jpg"):
        path.unlink()
    assert "bg: no pictures" in message(plain)
    (plain / "bg").rmdir()
    assert "bg: no such folder" in message(plain)


def test_training_on_folders(plain, tmp_path, monkeypatch):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", ModelConfig(width=0.0625, norm="batch", skip=True))
    monkeypatch.setattr(lite, "SETTINGS", Settings("tiny", crop_size=32, batch=2, learning_rate=1e-3))
    options = ["--config", "lite", "--steps", "3", "--workers", "0", "--threads", "1", "--out", str(tmp_path / "run")]
    main([*options, "--data", str(plain)])
    assert (tmp_path / "run/checkpoint.pt").is_file()
    with pytest.raises(DataError, match="--backgrounds: goes with --data"):
        main([*options[:-1], str(tmp_path / "other"), "--backgrounds", str(plain)])
