"""Records of quality are of the shipped weights; new scores come into them without touching what methods cost."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: no report")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: nothing was compared with it")

from benchmarks import quality, rescore
from benchmarks.measure import ROOT
from benchmarks.methods import PEERS
from benchmarks.records import Quality
from benchmarks.report import pages
from benchmarks.report.quality import ALPHAMATTING, DRAWN
from benchmarks.result_files import RESULTS, machines, read_results
from dim_trt.files import write_atomic
from tools import ship
from training.card import SHIPPED
from training.checkpoints import save_checkpoint
from training.model import DeepImageMatting, ModelConfig
from training.networks import MATTING, SEGMENTATION, Network
from training.salient import SalientConfig, SalientObjects

WEIGHTS = ROOT / "dim_trt/weights/lite.onnx"


def options(folder: Path, model: Network | None = None) -> list[str]:
    """Of `ship`, for a checkpoint of such a network."""
    model = model or DeepImageMatting(ModelConfig(width=0.0625))
    save_checkpoint(folder / "net.pt", model.config, model.state_dict())
    return ["--checkpoint", str(folder / "net.pt"), "--alphamatting", str(folder), "--hardware", "an abacus"]


def test_the_records_are_of_the_shipped_weights() -> None:
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    named = read_results(RESULTS, pages.named_machine(pages.PAGES[0]))
    assert {ALPHAMATTING, DRAWN} <= set(named.steps)
    for machine in machines(RESULTS):
        results = read_results(RESULTS, machine)
        for step in (step for step in (ALPHAMATTING, DRAWN) if step in results):
            rows = results.of(Quality, step)
            assert len(rows) > 5
            found = {row.weights for row in rows if row.precision}
            assert found == {digest}, (
                f"{machine}, {step}: the weights are new: make ship, or python -m benchmarks.rescore"
            )
            assert not any(row.weights or row.change for row in rows if not row.precision)


FEW = ["--scenes", "1", "--limit", "2", "--weights", "fp32", "--peers", "--threads", "1"]


@pytest.fixture(name="measured", scope="module")
def fixture_measured(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A record of two scenes; the benchmark's own command makes it."""
    path = tmp_path_factory.mktemp("measured") / "quality.json"
    quality.main([*FEW, "--json", str(path)])
    return path.read_text()


@pytest.fixture(name="step")
def fixture_step(measured: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[dict[str, Any]]]:
    """The record, measured with other weights."""
    path = tmp_path / f"{pages.named_machine(pages.PAGES[0])}_{DRAWN}.json"
    rows = json.loads(measured)
    for row in rows:
        row.update({"sad": 99.0, "commit": "old"} | ({"weights": "old"} if row["precision"] else {}))
        if row["precision"]:
            row["seconds_per_picture"] = 0.125
    path.write_text(json.dumps(rows))
    drawn = next(step for step in rescore.STEPS if step.name == DRAWN)
    monkeypatch.setattr(rescore, "STEPS", [drawn._replace(arguments=FEW)])
    return path, rows


def test_scores_are_new_and_costs_are_old(step: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    path, (ours, half) = step
    other = tmp_path / f"another-machine_{DRAWN}.json"
    other.write_text(path.read_text())
    rescore.main(["--alphamatting", str(tmp_path), "--results", str(tmp_path)])
    new, kept = json.loads(path.read_text())
    assert [row["sad"] for row in json.loads(other.read_text())] == [new["sad"], kept["sad"]]
    assert kept == half  # neither weights nor pictures have changed it
    assert new["weights"] == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert 0 < new["sad"] < 99
    assert new["sad"] == pytest.approx(sum(p["sad"] for p in new["pictures"].values()) / 2, abs=1e-3)
    assert new["scored"]["measured"] >= "2026"
    for name in ("commit", "machine", "seconds_per_picture", "peak_memory_mb", "threads"):
        assert new[name] == ours[name]
    assert {n: p["seconds"] for n, p in new["pictures"].items()} == {
        n: p["seconds"] for n, p in ours["pictures"].items()
    }


def test_other_and_more_pictures_have_no_seconds_of_their_own(
    step: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    path, rows = step
    for row in rows:
        del row["pictures"]["001"]
        row["pictures_sha256"] = "of others"
    path.write_text(json.dumps(rows))
    rescore.main(["--alphamatting", str(tmp_path), "--results", str(tmp_path)])
    for new, old in zip(json.loads(path.read_text()), rows, strict=True):
        assert [set(score) for score in new["pictures"].values()] == [{"sad"}, {"sad"}]
        assert new.get("seconds_per_picture") == old.get("seconds_per_picture")


def test_without_a_network_other_pictures_are_scored_again(
    step: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    path, rows = step
    rows[1]["pictures_sha256"] = "of others"
    path.write_text(json.dumps(rows))
    rescore.main(["--alphamatting", str(tmp_path), "--results", str(tmp_path)])
    half = json.loads(path.read_text())[1]
    assert half["sad"] < 99
    assert half["pictures_sha256"] == json.loads(path.read_text())[0]["pictures_sha256"]
    assert "scored" in half


def test_a_method_that_is_not_installed_is_one_sentence(
    step: tuple[Path, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rows = step
    rows[1].update({"pictures_sha256": "of others", "peer": "pymatting-cf", "title": "closed-form"})
    path.write_text(json.dumps(rows))
    absent = replace(PEERS["pymatting-cf"], why_not=lambda: "pymatting is not installed")
    monkeypatch.setitem(PEERS, "pymatting-cf", absent)
    before = path.read_bytes()
    with pytest.raises(SystemExit, match=r"closed-form must be scored again, .* changed: pymatting is not"):
        rescore.main(["--alphamatting", str(tmp_path), "--results", str(tmp_path)])
    assert path.read_bytes() == before


# shipping


def test_what_fails_or_is_interrupted_leaves_everything_as_it_was(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_bytes(path.name.encode())

    def fail(failure: BaseException) -> None:
        with ship.all_or_nothing(paths):
            write_atomic(paths[0], [b"new"], what="test")
            paths[1].unlink()
            raise failure

    for failure in (SystemExit("a step failed"), KeyboardInterrupt()):
        with pytest.raises(type(failure)):
            fail(failure)
        assert [path.read_bytes() for path in paths] == [b"a", b"b", b"c"]
    with ship.all_or_nothing(paths):
        paths[0].write_bytes(b"new")
    assert paths[0].read_bytes() == b"new"


def test_a_step_that_fails_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The weights are written by the first step, and are the old ones again after the second has failed."""
    weights = tmp_path / "lite.onnx"
    weights.write_bytes(b"old")
    monkeypatch.setattr(ship, "written", lambda _kind: [weights])
    write = f"import pathlib; pathlib.Path({str(weights)!r}).write_bytes(b'new')"
    (tmp_path / "writes.py").write_text(write)
    (tmp_path / "fails.py").write_text("raise SystemExit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(ship, "commands", lambda *_: [["writes"], ["fails"], ["never"]])
    arguments = options(tmp_path)
    with pytest.raises(SystemExit, match="ship: fails failed; the files are as they were before"):
        ship.main(arguments)
    assert weights.read_bytes() == b"old"
    monkeypatch.setattr(ship, "commands", lambda *_: [["writes"]])
    ship.main(arguments)
    assert weights.read_bytes() == b"new"


def test_what_is_terminated_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    weights = tmp_path / "lite.onnx"
    weights.write_bytes(b"old")
    monkeypatch.setattr(ship, "written", lambda _kind: [weights])

    def write_and_die(_: list[str]) -> None:
        weights.write_bytes(b"new")
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(ship, "run", write_and_die)
    with pytest.raises(SystemExit) as ended:
        ship.main(options(tmp_path))
    assert ended.value.code == 128 + signal.SIGTERM
    assert weights.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--checkpoint", "none.pt", "none.pt' is not there"),
        ("--checkpoint", str(WEIGHTS), "lite.onnx: truncated, or no checkpoint"),
        ("--alphamatting", "nowhere", "nowhere' is not there"),
        ("--hardware", "", "--hardware: expected one line of text"),
        ("--hardware", "a | b", "--hardware: expected one line of text"),
    ],
)
def test_bad_arguments_are_found_before_any_work(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = options(tmp_path)
    given = dict(zip(words[::2], words[1::2], strict=True)) | {option: value}
    with pytest.raises(SystemExit) as ended:
        ship.main([word for pair in given.items() for word in pair])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_every_module_that_shipping_runs_takes_what_it_is_given(tmp_path: Path) -> None:
    args = ship.parse(options(tmp_path))
    modules = [command[0] for command in ship.commands(args, tmp_path)]
    assert modules[:4] == ["training.export", "training.card", "benchmarks.rescore", "benchmarks.report"]
    assert {*SHIPPED[MATTING][:2], ship.PICTURE, *pages.PAGES} <= set(ship.written(MATTING))
    assert all((ROOT / test).is_file() for test in (*ship.TESTS, *ship.MATTING_TESTS))


def test_a_network_that_finds_objects_has_its_own_card_and_no_records(tmp_path: Path) -> None:
    args = ship.parse(options(tmp_path, SalientObjects(SalientConfig(width=0.0625))))
    export, card, tests = ship.commands(args, tmp_path)
    assert export[export.index("-o") + 1 :] == [str(SHIPPED[SEGMENTATION].onnx), "--weights", "fp16"]
    assert (card[0], tests) == ("training.card", ["pytest", "-q", *ship.TESTS])
    assert ship.written(SEGMENTATION) == [SHIPPED[SEGMENTATION].onnx, SHIPPED[SEGMENTATION].card]
