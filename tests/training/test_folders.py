import shutil

import numpy as np
import pytest
import torch

from tests.support.foregrounds import disc, fill, write
from training import model as model_module
from training.configs import lite
from training.data.folders import FolderSource, find_foregrounds, find_layout, window
from training.data.loader import batches
from training.data.preprocess import PREPROCESSING
from training.data.samples import DataError
from training.losses import alpha_loss
from training.model import ModelConfig
from training.settings import Settings
from training.train import main


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
