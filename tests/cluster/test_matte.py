"""`python -m dim_trt.matte --ray`: what one process gives, from paths and from object stores."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest

from dim_trt import matte
from tests.cluster.conftest import save_pictures
from tests.support import ROOT
from tests.support.mask_graphs import write_mask_network

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install 'dim_trt[cluster]'")
from dim_trt.cluster.manifest import SCHEMA  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.usefixtures("ray_cluster")]


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(plan: Path, *arguments: str, code: int = 0) -> None:
    assert matte.main([*arguments, "--plan", str(plan)]) == code


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix == ".png"}


def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """Rows by name, of which each is one."""
    table = pq.read_table(folder / "manifest.parquet")
    assert table.schema.equals(SCHEMA)
    rows = {row["name"]: row for row in table.to_pylist()}
    assert len(rows) == table.num_rows
    return rows


def test_the_same_bytes_as_one_process(plan: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_pictures(folder, 300)
    pictures = ("--image", "in", "--trimap", "tri")
    run(plan, *pictures, "-o", "one", "--cutout", "one/cut", "--threads", "1", "--device", "cpu")
    run(plan, *pictures, "-o", "many", "--cutout", "many/cut", "--ray")
    assert "many, many/cut  300 done, 0 skipped, 0 failed" in capsys.readouterr().out
    assert len(files(folder / "one")) == 300
    assert files(folder / "many") == files(folder / "one")
    assert files(folder / "many/cut") == files(folder / "one/cut")
    rows = manifest(folder / "many")
    assert sorted(rows) == [f"{index:05d}.png" for index in range(300)]
    for row in rows.values():
        assert (row["height_px"], row["width_px"], row["error"], row["warning"]) == (37, 53, None, None)
        assert row["seconds"] * 1e3 > row["latency_ms"] > 0
        assert row["unknown_share"] == pytest.approx(33 / 53)
    assert not list((folder / "many/manifest.parts").iterdir())


def test_a_bad_picture_is_a_row_and_is_tried_again(
    plan: Path, folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    save_pictures(folder, 8)
    whole = Path("in/00003.png").read_bytes()
    Path("in/00003.png").write_bytes(whole[:500])
    Path("tri/00005.png").rename("tri/other.png")
    Path("in/notes.txt").touch()
    arguments = ("--image", "in", "--trimap", "tri", "-o", "out", "--ray")
    run(plan, *arguments, code=1)
    out, err = capsys.readouterr()
    assert "out  6 done, 0 skipped, 2 failed" in out
    assert "passed over 1 file with other names than pictures have: notes.txt" in caplog.text
    assert "2 of 8 pictures failed:\n" in err
    assert "the file is damaged (it is cut off)" in err
    errors = {name: row["error"] for name, row in manifest(folder / "out").items() if row["error"]}
    assert sorted(errors) == ["00003.png", "00005.png"]
    assert "trimap: expected one picture called '00005'" in errors["00005.png"]
    before = {path.name: path.stat().st_mtime_ns for path in Path("out").glob("*.png")}
    Path("in/00003.png").write_bytes(whole)
    Path("tri/other.png").rename("tri/00005.png")
    Path("out/00001.png").unlink()
    run(plan, *arguments)
    assert "out  3 done, 5 skipped, 0 failed" in capsys.readouterr().out
    after = {path.name: path.stat().st_mtime_ns for path in Path("out").glob("*.png")}
    assert {name for name in after if after[name] != before.get(name)} == {"00001.png", "00003.png", "00005.png"}
    assert {row["error"] for row in manifest(folder / "out").values()} == {None}
    run(plan, *arguments)
    assert "out  0 done, 8 skipped, 0 failed" in capsys.readouterr().out


@pytest.mark.cluster
def test_other_settings_are_refused_until_they_are_meant(
    plan: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_pictures(folder, 2)
    arguments = ("--image", "in", "--trimap", "tri", "-o", "out", "--ray")
    run(plan, *arguments)
    before = files(folder / "out")
    run(plan, *arguments, "--alpha-depth", "16", code=1)
    assert "(alpha depth was 8, is 16); --restart does all pictures again" in capsys.readouterr().err
    assert files(folder / "out") == before
    run(plan, *arguments, "--alpha-depth", "16", "--restart")
    assert "2 done, 0 skipped" in capsys.readouterr().out
    assert files(folder / "out") != before


@pytest.mark.cluster
def test_what_looks_wrong_is_in_the_row(plan: Path, folder: Path) -> None:
    save_pictures(folder, 2)
    trimap = cv2.imread("tri/00001.png", cv2.IMREAD_GRAYSCALE)
    assert trimap is not None
    trimap[:, 20:30] = 250
    cv2.imwrite("tri/00001.png", trimap)
    run(plan, "--image", "in", "--trimap", "tri", "-o", "out", "--ray")
    rows = manifest(folder / "out")
    assert rows["00000.png"]["warning"] is None
    assert "nearly but not quite black or white" in rows["00001.png"]["warning"]


@pytest.mark.cluster
def test_masks_and_trimaps_beside_their_pictures(plan: Path, folder: Path) -> None:
    save_pictures(folder, 3)
    for path in list(Path("tri").iterdir()):
        shutil.move(path, f"in/{path.stem}_trimap.png")
    run(plan, "--image", "in", "--trimap", "in", "-o", "out", "--ray")
    assert sorted(files(folder / "out")) == ["00000.png", "00001.png", "00002.png"]


@pytest.mark.cluster
def test_the_commands_of_the_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "cluster.md").read_text()
    (shell,) = (block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "--ray" in block)
    (command,) = (line for line in shell.splitlines() if line.startswith("python -m dim_trt.matte "))
    save_pictures(folder, 2)
    Path("tri").rename("trimaps")
    assert matte.main(command.split()[3:]) == 0
    assert "out, cutouts  2 done, 0 skipped, 0 failed" in capsys.readouterr().out
    write_mask_network(Path("u2net.onnx"))
    (python,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "matte_dataset" in block)
    names: dict[str, Any] = {}
    exec(python.replace('"in"', repr(str(folder / "in"))), names)
    ds = names["ds"]
    ds.context.enable_progress_bars = False
    for row in ds.take_all():
        assert (row["alpha"].shape, row["error"]) == ((37, 53), None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--image", "in", "in", "--trimap", "tri", "-o", "out"), "with --ray --image is one folder or address"),
        (("--image", "in", "--trimap", "tri", "-o", "out", "--skip-existing"), "--skip-existing goes without --ray"),
        (("--image", "in", "--trimap", "tri"), "-o is needed for many pictures"),
        (("--image", "-", "--trimap", "tri", "-o", "out"), "with --ray there are folders and addresses"),
        (("--image", "in/*.png", "--trimap", "tri", "-o", "out"), "image: 'in/*.png': expected a folder or an address"),
        (("--image", "in", "--trimap", "tri", "-o", "in"), "expected a folder of its own for each kind of result"),
        (("--image", "in", "--trimap", "tri", "-o", "out", "--format", "xyz"), "alpha: 'out/name.xyz': expected a"),
        (("--image", "in", "--trimap", "tri", "-o", "out", "--device", "cuda:1"), "as Ray chooses which GPU"),
        (("--image", "in", "--trimap", "tri", "-o", "out", "--device", "cuda"), "the plan is one of the cpu backend"),
        (("--image", "nope://x", "--trimap", "tri", "-o", "out"), "'nope://x' cannot be opened"),
        (("--image", "empty", "--trimap", "tri", "-o", "out"), "expected pictures (.png"),
    ],
)
def test_refusals(
    arguments: tuple[str, ...], message: str, plan: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_pictures(folder, 1)
    Path("empty").mkdir()
    assert matte.main([*arguments, "--ray", "--plan", str(plan)]) in (1, 2)
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ")
    assert message in said
    assert not list(folder.glob("out/*.png"))


def test_without_ray_addresses_and_restart_are_refused(
    plan: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_pictures(folder, 1)
    run(plan, "--image", "s3://bucket/in", "--trimap", "tri", "-o", "out", code=2)
    assert "s3://bucket/in is an address, not a path: add --ray" in capsys.readouterr().err
    run(plan, "--image", "in", "--trimap", "tri", "-o", "out", "--restart", code=2)
    assert "--restart goes with --ray" in capsys.readouterr().err


@pytest.mark.cluster
def test_an_object_store_as_source_and_target(
    plan: Path, folder: Path, object_store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from pyarrow import fs

    save_pictures(folder, 20)
    query = f"?endpoint_override={object_store}&scheme=http&allow_bucket_creation=true"
    store, _ = fs.FileSystem.from_uri(f"s3://test:test@pictures/in{query}")
    for name in ("in", "tri"):
        store.create_dir(f"pictures/{name}")
        for path in Path(name).iterdir():
            with store.open_output_stream(f"pictures/{name}/{path.name}") as stream:
                stream.write(path.read_bytes())
    places = {name: f"s3://test:test@pictures/{name}{query}" for name in ("in", "tri", "out")}
    arguments = ("--image", places["in"], "--trimap", places["tri"], "-o", places["out"], "--ray")
    run(plan, *arguments)
    assert "20 done, 0 skipped, 0 failed" in capsys.readouterr().out
    run(plan, "--image", "in", "--trimap", "tri", "-o", "one", "--device", "cpu")
    written = {info.base_name: info.path for info in store.get_file_info(fs.FileSelector("pictures/out"))}
    for name, data in files(folder / "one").items():
        with store.open_input_file(written[name]) as stream:
            assert stream.read() == data
    assert "manifest.parquet" in written
    run(plan, *arguments)
    out, _ = capsys.readouterr()
    assert "0 done, 20 skipped, 0 failed" in out
    assert "test:test" not in out


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore:trimap. no pixel is known")
def test_no_trimap_at_all(plan: Path, folder: Path) -> None:
    save_pictures(folder, 2)
    write_mask_network(Path("net.onnx"))
    arguments = ("--image", "in", "--auto", "net.onnx", "--auto-norm", "centered")
    run(plan, *arguments, "-o", "out", "--ray")
    run(plan, *arguments, "-o", "one", "--device", "cpu", "--threads", "1")
    assert len(files(folder / "one")) == 2
    assert files(folder / "out") == files(folder / "one")
