"""Every input of the fuzzing corpus, crashes that were found among them, through the public face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dim_trt
from tests.fuzz import corpus
from tests.fuzz.seeds import HEADER, SEEDS, join, plan_of, split
from tests.support.stand_ins import tiny_plan


def plan_with(target: str, data: bytes) -> bytes:
    """The input as a whole plan file."""
    if target == "plan":
        return data
    return plan_of(HEADER, data if target == "program" else join(b"", data, b""))


def outcome(path: Path, data: bytes) -> str:
    """Loads and runs; "ran", or the message of the error."""
    path.write_bytes(data)
    img = np.arange(33 * 35 * 3, dtype=np.uint8).reshape(33, 35, 3)
    trimap = np.full((33, 35), 128, np.uint8)
    trimap[0] = 0
    try:
        alpha = dim_trt.Engine(path, threads=1).run(img, trimap)
    except (dim_trt.PlanError, dim_trt.BackendUnavailable) as error:
        return str(error)
    assert alpha.shape == trimap.shape
    assert (alpha[0] == 0).all()
    return "ran"


@pytest.mark.parametrize("target", ["json", "plan", "program"])
def test_every_input_is_refused_in_a_sentence_or_runs(target: str, tmp_path: Path) -> None:
    inputs = corpus.read(target)
    outcomes = {name: outcome(tmp_path / "a.plan", plan_with(target, data)) for name, data in inputs.items()}
    assert len(outcomes) > 25
    if target == "json":
        assert "ran" not in outcomes.values()
    else:
        right = dict(SEEDS[target]())["small" if target == "plan" else "good"]
        assert outcomes[corpus.name_of(right)] == "ran"
        assert sum(said == "ran" for said in outcomes.values()) < len(outcomes) / 2


def test_the_hand_made_part_of_the_corpus_is_what_seeds_makes() -> None:
    for target, seeds in SEEDS.items():
        stored = corpus.read(target)
        for name, data in seeds():
            assert stored.get(corpus.name_of(data)) == data, f"{target} {name}: run python -m tests.fuzz.seeds"


def test_an_archive_depends_on_its_inputs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [b"two", b"one", b"", b"three"]
    written = []
    for name, parts in (("a", [inputs]), ("b", [inputs[2:], inputs[:3]])):
        monkeypatch.setattr(corpus, "FOLDER", tmp_path / name)
        assert sum(corpus.add("json", part) for part in parts) == len(inputs)
        written.append(corpus.archive("json").read_bytes())
        assert sorted(corpus.read("json").values()) == sorted(inputs)
    assert written[0] == written[1]
    assert corpus.add("json", inputs) == 0
    unpacked = corpus.unpack("json", tmp_path)
    assert {path.name: path.read_bytes() for path in unpacked.iterdir()} == corpus.read("json")


@pytest.mark.parametrize("target", SEEDS)
def test_the_archives_are_as_they_are_written(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the next find would change all of one."""
    stored, inputs = corpus.archive(target).read_bytes(), corpus.read(target)
    assert all(name == corpus.name_of(data) for name, data in inputs.items())
    monkeypatch.setattr(corpus, "FOLDER", tmp_path)
    corpus.add(target, inputs.values())
    assert corpus.archive(target).read_bytes() == stored


def test_a_plan_is_split_and_joined(tmp_path: Path) -> None:
    data = tiny_plan(tmp_path).read_bytes()
    text, rest = split(data, 8)
    assert join(data[:8], text, rest) == data
