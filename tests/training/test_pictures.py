"""Files that cannot be trained on, and what every kind of alpha means."""

import shutil

import numpy as np
import pytest
import torch

from tests.support.foregrounds import disc, write
from training import model as model_module
from training.checkpoints import load_checkpoint
from training.configs import lite
from training.data.folders import FolderSource
from training.data.loader import MAX_UNREADABLE, batches
from training.data.reading import alpha_of, color_of, decode, read_header
from training.data.samples import DataError
from training.model import ModelConfig
from training.run import Run
from training.settings import Settings
from training.train import main


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
