import cv2
import numpy as np
import pytest

from training import evaluate
from training.checkpoints import save_checkpoint
from training.data.samples import DataError
from training.data.testsets import composition1k
from training.model import DeepImageMatting, ModelConfig
from training.validation import mean_score, validate

NAMES = ("boy_0", "boy_1", "boy_1_0")  # the last is the first picture of a foreground boy_1
TRUTH = {"boy_0": 51, "boy_1": 51, "boy_1_0": 102}


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def fill(merged, trimaps, alphas, shared):
    """Pictures 33×45, unknown in the middle; `shared`: one alpha for all pictures of a foreground."""
    for name in NAMES:
        write(merged / f"{name}.png", np.full((33, 45, 3), 7, np.uint8))
        write(trimaps / f"{name}.png", np.repeat(np.uint8([0, 128, 255]), 15)[None].repeat(33, 0))
        alpha = np.repeat(np.uint8([0, TRUTH[name], 255]), 15)[None].repeat(33, 0)
        write(alphas / f"{name.rpartition('_')[0] if shared else name}.png", alpha)


def composed(root):
    fill(root / "merged", root / "trimaps", root / "alpha_copy", shared=False)


def test_set(root):
    part = root / "Test_set"
    fill(part / "merged", part / "Adobe-licensed images/trimaps", part / "Adobe-licensed images/alpha", shared=True)


def distributed(root):
    test_set(root / "Combined_Dataset")


test_set.__test__ = False
LAYOUTS = [composed, test_set, distributed]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_scores_of_each_layout(tmp_path, layout):
    layout(tmp_path)
    pictures = composition1k(tmp_path)
    assert [picture.name for picture in pictures] == list(NAMES)
    scores = validate(lambda image, trimap: np.full(trimap.shape, 0.5), pictures)
    for name, off in zip(NAMES, (0.3, 0.3, 0.1), strict=True):
        assert scores[name].sad == pytest.approx(15 * 33 * off / 1000)
        assert scores[name].mse == pytest.approx(off**2)
    assert mean_score(scores).mse == pytest.approx(0.19 / 3)


def test_command(tmp_path, capsys):
    composed(tmp_path / "set")
    model = DeepImageMatting(ModelConfig(width=0.0625))
    save_checkpoint(tmp_path / "c.pt", model.config, model.state_dict())
    evaluate.main(["--composition1k", str(tmp_path / "set"), "--checkpoint", str(tmp_path / "c.pt")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"3 pictures of {tmp_path / 'set'}"
    assert lines[1].split() == ["picture", "SAD", "MSE", "e-3"]
    assert [line.split()[0] for line in lines[2:]] == [*NAMES, "mean"]
    with pytest.raises(SystemExit, match="none' does not exist"):
        evaluate.main(["--composition1k", str(tmp_path / "none"), "--checkpoint", str(tmp_path / "c.pt")])


def test_errors_name_the_file(tmp_path):
    test_set(tmp_path)
    adobe = tmp_path / "Test_set/Adobe-licensed images"
    write(adobe / "alpha/boy.png", np.zeros((9, 45), np.uint8))
    with pytest.raises(DataError, match=r"boy_0: truth: .*\[33, 45\] as .*merged/boy_0\.png', got \[9, 45\] in .*boy"):
        validate(lambda image, trimap: np.zeros(trimap.shape), composition1k(tmp_path))
    (adobe / "trimaps/boy_1.png").unlink()
    with pytest.raises(DataError, match=r"trimaps/boy_1\.png' is missing, which .*merged/boy_1\.png' needs"):
        composition1k(tmp_path)
    write(adobe / "trimaps/boy_1.png", np.zeros((33, 45), np.uint8))
    (adobe / "alpha/boy.png").unlink()
    with pytest.raises(DataError, match=r"alpha/boy\.png' is missing, which .*merged/boy_0\.png' needs"):
        composition1k(tmp_path)
    for path in (tmp_path / "Test_set/merged").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="merged' has no pictures"):
        composition1k(tmp_path)
    (adobe / "trimaps").rename(adobe / "regions")
    with pytest.raises(DataError, match=r"to hold merged/, trimaps/ and alpha/"):
        composition1k(tmp_path)
