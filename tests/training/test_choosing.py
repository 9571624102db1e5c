"""What validates, and which network is kept as the best."""

import shutil

import numpy as np
import pytest

from training import model as model_module
from training import validation as validation_module
from training.checkpoints import load_checkpoint
from training.configs import lite
from training.data.samples import DataError
from training.model import ModelConfig
from training.settings import Settings
from training.train import main
from training.validation import SCENES_OF_EACH, HeldOut, Score, Validation, open_validation

OPTIONS = ["--config", "lite", "--workers", "0", "--threads", "1"]


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", ModelConfig(width=0.0625, norm="batch", skip=True))
    monkeypatch.setattr(lite, "SETTINGS", Settings("tiny", crop_size=32, batch=2, learning_rate=3e-3, warmup_steps=3))


@pytest.fixture
def both(folder):
    shutil.copytree(folder / "trimap1", folder / "trimap2")
    return folder


@pytest.fixture
def plain(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "plain")
    for old, new in (("input", "image"), ("trimap1", "trimap"), ("gt", "alpha")):
        (tmp_path / "plain" / old).rename(tmp_path / "plain" / new)
    return tmp_path / "plain"


def half(_, trimap):
    return np.full(trimap.shape, 0.5)


def test_sets_of_every_place(both, plain):
    validation = open_validation([str(both), "scenes", str(plain)])
    scenes = SCENES_OF_EACH * len(validation_module.FAMILIES)
    assert str(validation) == f"narrow (1), wide (1), scenes ({scenes}), plain (1)"
    scores = Validation({name: validation.sets[name] for name in ("narrow", "wide", "plain")}).scores(
        half, lambda: False
    )
    assert scores["narrow"].sad == pytest.approx(17 * 45 * 0.3 / 1000)
    assert scores["narrow"] == scores["wide"] == scores["plain"]
    assert list(open_validation([str(both), str(both)]).sets) == ["narrow", "wide", "pictures narrow", "pictures wide"]
    shutil.rmtree(both / "trimap1")
    assert str(open_validation([str(both)])) == "wide (1)"


def test_held_out_scenes_stay_the_same():
    first, again = (HeldOut("solid", 0).load() for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    score = Validation({"scenes": [HeldOut("solid", 0)]}).scores(half, lambda: False)["scenes"]
    assert 0 < score.mse <= 0.25


def test_a_cancelled_validation_has_no_scores(both):
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 1

    assert open_validation([str(both)]).scores(half, cancelled) is None


def test_files_are_looked_at_first(both):
    path = both / "gt/a.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"gt/a\.png: missing, truncated or no picture"):
        open_validation([str(both)])
    with pytest.raises(DataError, match="none' does not exist"):
        open_validation([str(both / "none")])


@pytest.fixture
def sads(monkeypatch):
    """The mean SAD of narrow and wide trimaps that each validation finds, in turn."""
    values = []

    def scores(*_):
        narrow, wide = values.pop(0)
        return {"narrow": Score(narrow, 0.1), "wide": Score(wide, 0.1)}

    monkeypatch.setattr(Validation, "scores", scores)
    return values


def best(out):
    training = load_checkpoint(out / "checkpoint.pt")["training"]
    return training["step"], training["best"]


def test_the_mean_over_the_sets_chooses(tmp_path, both, sads, capsys):
    sads += [(9, 7), (8, 9), (7, 8)]
    out = tmp_path / "run"
    main([*OPTIONS, "--steps", "2", "--every", "1e-6", "--validate", str(both), "--out", str(out)])
    assert best(out) == (2, 7.5)
    assert " step 1: narrow SAD 9.00 MSE 100.0e-3, wide SAD 7.00 MSE 100.0e-3; mean SAD 8.00" in (
        capsys.readouterr().out
    )


def test_what_a_run_begins_with_is_kept_unless_it_gets_better(tmp_path, both, sads):
    main([*OPTIONS, "--steps", "1", "--out", str(tmp_path / "first")])
    start = [*OPTIONS, "--init", str(tmp_path / "first/checkpoint.pt"), "--validate", str(both), "--steps", "2"]
    sads += [(5, 5), (6, 6)]
    main([*start, "--out", str(tmp_path / "worse")])
    assert best(tmp_path / "worse") == (0, 5)
    sads += [(5, 5), (4, 5)]
    main([*start, "--out", str(tmp_path / "better")])
    assert best(tmp_path / "better") == (2, 4.5)


def test_other_pictures_begin_with_the_score_of_the_best(tmp_path, both, plain, sads, capsys):
    out = tmp_path / "run"
    sads += [(5, 5)]
    main([*OPTIONS, "--steps", "2", "--validate", str(both), "--out", str(out)])
    sads += [(9, 9), (10, 10)]  # the best on the new pictures, and after step 3
    main([*OPTIONS, "--steps", "3", "--validate", str(plain), "--out", str(out), "--resume"])
    assert best(out)[0] == 2
    assert "validation was on other pictures before" in capsys.readouterr().out
    main([*OPTIONS, "--steps", "4", "--out", str(out), "--resume"])
    assert best(out)[0] == 2  # without pictures nothing is known to be better
    assert "stays the best so far" in capsys.readouterr().out
    assert load_checkpoint(out / "last.pt")["training"]["step"] == 4


def test_a_run_that_goes_on_alike_is_not_validated_twice(tmp_path, both, sads):
    options = [*OPTIONS, "--validate", str(both), "--out", str(tmp_path)]
    sads += [(5, 5)]
    main([*options, "--steps", "2"])
    sads += [(6, 6)]
    main([*options, "--steps", "3", "--resume"])
    assert best(tmp_path) == (2, 5)
