"""Any terminal, any pipe: names that cannot be printed, streams that are closed, pictures through standard streams."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import dim_trt
from dim_trt import matte
from tests.support.tiny_graphs import tiny_dim

pytestmark = pytest.mark.public
HEIGHT, WIDTH = 37, 53


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    trimap = np.full((HEIGHT, WIDTH), 128, np.uint8)
    trimap[:, :10], trimap[:, -10:] = 0, 255
    cv2.imwrite("image.png", np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    cv2.imwrite("trimap.png", trimap)
    Path("dim.onnx").write_bytes(tiny_dim().SerializeToString())
    dim_trt.build_plan("dim.onnx", "dim.plan", backend="cpu")
    return tmp_path


def command(*arguments: str | bytes, encoding: str = "utf-8:strict", **options: object) -> subprocess.CompletedProcess:
    name, *rest = arguments
    run = subprocess.run(
        [sys.executable, "-m", f"dim_trt.{name!s}", *rest],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        timeout=120,
        check=False,
        **{"capture_output": "stdout" not in options, **options},  # type: ignore[call-overload]
    )
    assert b"Traceback" not in (run.stderr or b"")
    assert b"Exception ignored" not in (run.stderr or b"")
    return run


PLAN = ("--plan", "dim.plan", "--device", "cpu")


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        (b"caf\xe9", "utf-8:strict"),
        ("größe".encode(), "ascii"),
        ("日本".encode(), "latin-1"),
    ],
)
def test_names_that_a_terminal_cannot_show(name: bytes, encoding: str, folder: Path) -> None:
    for source in ("image.png", "trimap.png"):
        Path(os.fsdecode(name + source.encode())).write_bytes(Path(source).read_bytes())
    files = ("--image", name + b"image.png", "--trimap", name + b"trimap.png")
    for arguments in (
        ("matte", *files, *PLAN, "-o", name + b"a.png"),
        ("trimap", "mask", name + b"trimap.png", "-o", name + b"t.png"),
        ("trimap", "validate", name + b"t.png"),
        ("build", "--onnx", "dim.onnx", "--backend", "cpu", "-o", name + b".plan"),
        ("info", name + b".plan"),
    ):
        run = command(*arguments, encoding=encoding)
        assert run.returncode == 0, run.stderr
        assert run.stdout
    run = command("matte", *files[:2], "--trimap", name + b"none.png", *PLAN, encoding=encoding)
    assert run.returncode == 1
    assert run.stderr.startswith(b"error: trimap: cannot read '")
    for kind, source in (("image", "image.png"), ("trimap", "trimap.png"), ("alpha", "trimap.png")):
        Path("set", kind).mkdir(parents=True)
        Path("set", kind, os.fsdecode(name + b".png")).write_bytes(Path(source).read_bytes())
    scores = ("evaluate", "--data", "set", "--plan", "dim.plan", "--csv", "s.csv", "--json", "s.json", "--save", "s")
    assert command(*scores, encoding=encoding).returncode == 0
    assert name in Path("s.csv").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="a shell is needed")
@pytest.mark.parametrize("closed", ["", ">&-", "2>&-", ">&- 2>&- <&-"])
def test_streams_that_are_closed(closed: str, folder: Path) -> None:
    line = f"{sys.executable} -m dim_trt.matte --image image.png --trimap trimap.png --plan dim.plan -o a.png {closed}"
    run = subprocess.run(["sh", "-c", line], capture_output=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert b"Traceback" not in run.stderr
    assert cv2.imread("a.png", 0).shape == (HEIGHT, WIDTH)
    wrong = subprocess.run(["sh", "-c", line.replace("image.png", "none.png")], capture_output=True, check=False)
    assert wrong.returncode == 1
    assert b"Traceback" not in wrong.stderr


@pytest.mark.parametrize("arguments", [("matte", "-h"), ("cli", "-h"), ("doctor", "--json"), ("info", "dim.plan")])
def test_a_reader_that_has_gone(arguments: tuple[str, ...], folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        run = command(*arguments, stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)
    assert run.returncode in (0, 1)
    assert not run.stderr


def test_a_disk_that_is_full_is_one_line(folder: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("wb") as full:
        run = command("info", "dim.plan", stdout=full, stderr=subprocess.PIPE)
    assert run.returncode == 1
    assert run.stderr == b"error: cannot print: No space left on device\n"


# pictures through standard streams


def expected(*arguments: str) -> bytes:
    assert matte.main(["--image", "image.png", "--trimap", "trimap.png", *PLAN, *arguments]) == 0
    return Path(arguments[-1]).read_bytes()


def test_pictures_come_and_go_through_pipes(folder: Path) -> None:
    image, trimap = Path("image.png").read_bytes(), Path("trimap.png").read_bytes()
    run = command("matte", "--image", "-", "--trimap", "trimap.png", *PLAN, "-o", "-", input=image)
    assert run.returncode == 0, run.stderr
    assert run.stdout == expected("-o", "one.png")
    assert run.stderr.startswith(f"-  {WIDTH}x{HEIGHT} px".encode())
    cutout = ("--image", "image.png", "--trimap", "-", *PLAN, "-o", "a.png", "--cutout", "-", "--format", "tif")
    run = command("matte", *cutout, input=trimap)
    assert run.stdout == expected("-o", "a2.png", "--cutout", "cut.tif")
    assert Path("a.png").read_bytes() == Path("a2.png").read_bytes()
    run = command("trimap", "mask", "-", "-o", "-", input=trimap)
    assert command("trimap", "mask", "trimap.png", "-o", "t.png").returncode == 0
    assert run.stdout == Path("t.png").read_bytes()
    assert b"-  53x37 px  foreground" in run.stderr
    assert command("trimap", "validate", "-", input=trimap).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--image", "-", "--trimap", "-"), b"trimap: standard input is image already; only one can be -"),
        (
            ("--image", "image.png", "--trimap", "trimap.png", "-o", "-", "--cutout", "-"),
            b"cutout: standard output is alpha already; only one can be -",
        ),
        (("--image", "-", "--trimap", "trimap.png"), b"not a picture"),
    ],
)
def test_what_pipes_cannot_do(arguments: tuple[str, ...], message: bytes, folder: Path) -> None:
    before = sorted(folder.iterdir())
    run = command("matte", *arguments, *PLAN, input=b"no picture")
    assert run.returncode == 1
    assert message in run.stderr
    assert not run.stdout
    assert sorted(folder.iterdir()) == before


# several pictures, and folders for one


def test_what_a_shell_makes_of_a_pattern(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("tri").mkdir()
    for name in ("a", "b", "c [1]"):
        Path(f"{name}.png").write_bytes(Path("image.png").read_bytes())
        Path(f"tri/{name}.png").write_bytes(Path("trimap.png").read_bytes())
    several = ["--image", "a.png", "b.png", "c [1].png"]
    assert matte.main([*several, "--trimap", "tri", "-o", "out", *PLAN]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.png", "c [1].png"]
    one = expected("-o", "one.png")
    assert all(path.read_bytes() == one for path in Path("out").iterdir())
    for wrong, message in (
        ([*several, "tri/a.png"], "several pictures are called 'a'"),
        (["--image", "c [2].png"], "image: 'c [2].png': there is no such file, and as a pattern it matches none"),
        (["--image", "*.xyz"], "image: '*.xyz': expected pictures"),
    ):
        assert matte.main([*wrong, "--trimap", "tri", "-o", "out", *PLAN]) == 1
        assert message in capsys.readouterr().err
    assert matte.main(["--image", "c [2].png", "--trimap", "tri/a.png", *PLAN]) == 1  # and not that -o is missing
    assert "there is no such file" in capsys.readouterr().err
    assert matte.main([*several, "--trimap", "trimap.png", "-o", "out", *PLAN]) == 1
    assert "trimap: 'trimap.png': expected a folder" in capsys.readouterr().err


def test_a_folder_as_the_result_of_one_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("cut").mkdir()
    one = ["--image", "image.png", "--trimap", "trimap.png", *PLAN]
    assert matte.main([*one, "-o", "out/", "--cutout", "cut", "--format", "tif"]) == 0
    assert [path.name for place in ("out", "cut") for path in Path(place).iterdir()] == ["image.tif", "image.tif"]
    capsys.readouterr()
    assert matte.main([*one, "-o", "new/"]) == 1
    assert "alpha: cannot write 'new/image.png': the folder does not exist" in capsys.readouterr().err
    assert matte.main([*one, "-o", "./"]) == 1
    assert "alpha: 'image.png': expected a file of its own, got that of image" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "bgr"), [("white", 255), ("#fff", 255), ("Black", 0), ("#000000", 0)])
def test_backgrounds_have_names(text: str, bgr: int, folder: Path) -> None:
    expected("-o", "a.png", "--background", text, "--composite", "over.png")
    assert (cv2.imread("over.png")[cv2.imread("trimap.png", 0) == 0] == bgr).all()


def test_want_of_threads_is_one_line_that_speaks_of_threads(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(matte, "load_engine", none)
    assert matte.main(["--image", "image.png", "--trimap", "trimap.png", *PLAN]) == 1
    assert capsys.readouterr().err.startswith("error: the system gives this process no more threads")
