"""Nothing of the user's is replaced, nothing is half done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from dim_trt import build, evaluate, info, matte, places, trimap
from dim_trt.errors import Error, InvalidInput
from dim_trt.files import write_together
from dim_trt.places import check_places

pytestmark = pytest.mark.public
HEIGHT, WIDTH = 37, 53
MATTE = ["--image", "image.png", "--trimap", "trimap.png", "--plan", "dim.plan", "--device", "cpu"]


@pytest.fixture(name="folder")
def fixture_folder(plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with image.png, trimap.png and behind.png, and in/ and tri/ with a and b."""
    monkeypatch.chdir(tmp_path)
    trimap_ = np.full((HEIGHT, WIDTH), 128, np.uint8)
    trimap_[:, :10], trimap_[:, -10:] = 0, 255
    img = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    Path("in").mkdir()
    Path("tri").mkdir()
    for name, picture in (("image", img), ("trimap", trimap_), ("behind", img)):
        cv2.imwrite(f"{name}.png", picture)
    for name in "ab":
        cv2.imwrite(f"in/{name}.png", img)
        cv2.imwrite(f"tri/{name}.png", trimap_)
    Path("dim.plan").write_bytes(plan.read_bytes())
    Path("dim.onnx").write_bytes(plan.with_suffix(".onnx").read_bytes())
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


ALIASES: dict[str, Callable[[str], str]] = {
    "by its name": lambda name: name,
    "by another path": lambda name: f"tri/../{name}",
    "absolutely": lambda name: str(Path(name).resolve()),
    "by a symbolic link": lambda name: linked(os.symlink, name),
    "by a hard link": lambda name: linked(os.link, name),
}


def linked(make: Callable[[str, str], None], name: str) -> str:
    other = f"link{Path(name).suffix}"
    make(name, other)
    return other


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("argument", ["image", "trimap", "background", "plan"])
def test_results_do_not_replace_what_is_read(
    argument: str, alias: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = {"image": "image.png", "trimap": "trimap.png", "background": "behind.png", "plan": "dim.plan"}[argument]
    if argument == "plan":
        os.rename(name, "plan.png")  # noqa: PTH104
        MATTE_ = [word if word != "dim.plan" else "plan.png" for word in MATTE]  # noqa: N806
        name = "plan.png"
    else:
        MATTE_ = MATTE  # noqa: N806
    result = ALIASES[alias](name)
    before = contents(folder)
    more = ["--composite", "over.png", "--background", "behind.png"]
    assert matte.main([*MATTE_, *more, "-o", result]) == 1
    assert f"error: alpha: {result!r}: expected a file of its own, got that of {argument}" in capsys.readouterr().err
    assert contents(folder) == before


def test_results_do_not_replace_each_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("same").symlink_to("out")
    before = contents(folder)
    for first, second in (("a.png", "a.png"), ("a.png", "./a.png"), ("out/a.png", "same/a.png")):
        assert matte.main([*MATTE, "-o", first, "--cutout", second]) == 1
        assert "expected a file of its own, got that of alpha" in capsys.readouterr().err
    assert contents(folder) == before


def test_names_that_differ_in_case_are_one_where_the_file_system_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [("alpha", "größe.png"), ("cutout", "GRÖßE.PNG"), ("composite", "gro\u0308ße.png")]
    check_places(names, [])  # three files, here
    monkeypatch.setattr(places, "_folds_case", lambda folder: True)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        with pytest.raises(InvalidInput, match="expected a file of its own"):
            check_places([names[first], names[second]], [])
    assert not [path for path in folder.iterdir() if path.name.startswith(".dim_trt")]


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (trimap.main, ["mask", "trimap.png", "-o", "./trimap.png"], "output: 'trimap.png': expected a file of its own"),
        (
            trimap.main,
            ["preview", "trimap.png", "--image", "image.png", "-o", "image.png"],
            "output: 'image.png': expected a file of its own, got that of image",
        ),
        (build.main, ["--onnx", "dim.onnx", "-o", "dim.onnx"], "output: 'dim.onnx': expected a file of its own"),
        (
            build.main,
            ["--onnx", "dim.onnx", "-o", "new.plan", "--report", "new.plan"],
            "report: 'new.plan': expected a file of its own",
        ),
        (evaluate.main, ["--csv", "set/alpha/a.png"], "csv: 'set/alpha/a.png': expected a file of its own"),
        (evaluate.main, ["--json", "x", "--csv", "x"], "csv: 'x': expected a file of its own, got that of json"),
        (evaluate.main, ["--json", "dim.plan"], "json: 'dim.plan': expected a file of its own, got that of plan"),
        (evaluate.main, ["--save", "set/alpha"], "save: 'set/alpha': expected a folder of its own"),
        (info.main, ["dim.plan", "--extract", "tri/../dim.plan"], "extract: 'tri/../dim.plan': expected a file of its"),
        (evaluate.main, ["--csv", "none/x.csv"], "csv: cannot write 'none/x.csv': the folder does not exist"),
    ],
)
def test_every_command_looks_first(
    main: Callable[[list[str]], int],
    arguments: list[str],
    message: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("set").mkdir()
    for kind, source in (("image", "in"), ("trimap", "tri"), ("alpha", "tri")):
        Path("set", kind).mkdir()
        Path("set", kind, "a.png").write_bytes(Path(source, "a.png").read_bytes())
    before = contents(folder)
    more = ["--data", "set", "--plan", "dim.plan", "--device", "cpu"] if main is evaluate.main else []
    assert main([*more, *arguments]) == 1
    assert f"error: {message}" in capsys.readouterr().err
    assert contents(folder) == before


def test_folders_are_looked_at_before_the_work(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("locked").mkdir()
    before = contents(folder)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked")  # root may write anywhere
    for result, message in (
        ("none/c.png", "cutout: cannot write 'none/c.png': the folder does not exist"),
        ("locked/c.png", "cutout: cannot write 'locked/c.png': the folder cannot be written"),
        ("x" * 300 + ".png", "File name too long"),
    ):
        assert matte.main([*MATTE, "-o", "a.png", "--cutout", result]) == 1
        assert message in capsys.readouterr().err
    assert contents(folder) == before


def test_many_pictures_do_not_replace_what_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    many = ["--image", "in", "--trimap", "tri", "--plan", "dim.plan"]
    for link, source, argument in (("b.png", "in/a.png", "image"), ("a.png", "tri/b.png", "trimap")):
        os.link(source, f"out/{link}")
        before = contents(folder)
        assert matte.main([*many, "-o", "out"]) == 1
        assert f"expected a file of its own, got that of {argument}, {source!r}" in capsys.readouterr().err
        assert contents(folder) == before
        Path("out", link).unlink()
    cv2.imwrite("out/a.png", cv2.imread("behind.png"))
    before = contents(folder)
    background = ["--composite", "out", "-o", "alphas", "--background", "out/a.png"]
    assert matte.main([*many, *background]) == 1
    assert "composite: 'out/a.png': expected a file of its own, got that of background" in capsys.readouterr().err
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("main", "arguments", "name"),
    [
        (trimap.main, ["mask", "trimap.png"], "trimap.png"),
        (matte.main, MATTE, "alpha.png"),
        (build.main, ["--onnx", "dim.onnx", "--backend", "cpu"], "dim.plan"),
    ],
)
def test_only_names_that_are_given_are_replaced(
    main: Callable[[list[str]], int],
    arguments: list[str],
    name: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("mine").write_bytes(b"mine")
    source = "mask.png" if main is trimap.main else None
    if source:
        Path("trimap.png").rename(source)
        arguments = ["mask", source]
    if main is build.main:
        Path(name).unlink()
    assert main(arguments) == 0  # it is new
    Path(name).write_bytes(b"mine")
    assert main(arguments) == 1
    assert f"error: output: {name!r} is there already; -o {name} replaces it" in capsys.readouterr().err
    assert Path(name).read_bytes() == b"mine"
    assert main([*arguments, "-o", name]) == 0
    assert Path(name).read_bytes() != b"mine"


# together or not at all


def test_files_appear_together_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("old").write_bytes(b"old")
    before = contents(folder)
    replace, calls = Path.replace, []

    def fail_at(number: int) -> Callable[[Path, Path], Path]:
        calls.clear()

        def one(self: Path, target: Path) -> Path:
            calls.append(self)
            if len(calls) == number:
                raise PermissionError(1, "Operation not permitted", str(self))
            return replace(self, target)

        return one

    new = {"first": [b"1"], "old": [b"2"], "third": [b"3"]}
    for number, name in ((1, "first"), (2, "old"), (3, "third")):
        monkeypatch.setattr(Path, "replace", fail_at(number))
        with pytest.raises(Error, match=f"cannot write file '{name}': Operation not permitted"):
            write_together(new)
        monkeypatch.setattr(Path, "replace", replace)
        assert contents(folder) == before
    with pytest.raises(Error, match="cannot write file 'none/x': the folder does not exist"):
        write_together({"first": [b"1"], "none/x": [b"2"]})
    assert contents(folder) == before
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(95, "Operation not supported")))
    monkeypatch.setattr(Path, "replace", fail_at(3))
    Path("first").write_bytes(b"older")
    Path("third").write_bytes(b"oldest")
    before = contents(folder)
    with pytest.raises(Error, match="third"):
        write_together(new)
    monkeypatch.setattr(Path, "replace", replace)
    assert contents(folder) == before
    write_together(new)
    assert [Path(name).read_bytes() for name in new] == [b"1", b"2", b"3"]
    assert not [name for name in contents(folder) if name.startswith(".dim_trt")]


def test_an_interrupt_between_two_results_leaves_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, replace = contents(folder), Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if target.name == "cut.png":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    assert matte.main([*MATTE, "-o", "a.png", "--cutout", "cut.png", "--composite", "over.png"]) == 130
    assert contents(folder) == before
