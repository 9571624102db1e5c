"""`dim-trt triton`: what it writes, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dim_trt.triton import __main__ as triton

pytestmark = pytest.mark.public


def run(*arguments: object, code: int = 0) -> None:
    assert triton.main([str(argument) for argument in arguments]) == code


def test_the_repository(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = tmp_path / "a" / "models"
    run(plan, "-o", models, "--threads", 2, "--color", "rgb", "--instances", 3)
    assert f"tritonserver --model-repository {models}" in capsys.readouterr().out
    assert sorted(str(path.relative_to(models)) for path in models.rglob("*") if path.is_file()) == [
        "matting/1/dim.plan",
        "matting/1/model.py",
        "matting/config.pbtxt",
    ]
    assert (models / "matting/1/dim.plan").read_bytes() == plan.read_bytes()
    config = (models / "matting/config.pbtxt").read_text()
    assert 'name: "matting"' in config
    assert "kind: KIND_CPU count: 3" in config
    found = dict(re.findall(r'parameters \{ key: "(\w+)" value: \{ string_value: "(\w+)" \} \}', config))
    assert found == {"threads": "2", "orientations": "1", "closed_form": "False", "color": "rgb"}
    run(plan, "-o", models, "--name", "second")
    assert sorted(path.name for path in models.iterdir()) == ["matting", "second"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("PLAN", "-o", "models"), "output: 'models/matting' is there already; remove it, or give the model another"),
        (("PLAN", "-o", "models", "--name", "a/b"), "name: expected letters, digits, '_', '-' and '.', got 'a/b'"),
        (("none.plan", "-o", "models"), "none.plan"),
        (("PLAN", "-o", "file"), "cannot write model 'file/matting': Not a directory"),
        (("PLAN", "-o", "new", "--device", "cuda"), "device: the plan is one of the cpu backend"),
        (("PLAN", "-o", "new", "--memory-limit-mb", "1"), "memory_limit_mb"),
    ],
)
def test_refusals(
    arguments: tuple[str, ...],
    message: str,
    plan: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/matting").mkdir(parents=True)
    (tmp_path / "file").touch()
    run(*(str(plan) if argument == "PLAN" else argument for argument in arguments), code=1)
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "matting", "models"]
