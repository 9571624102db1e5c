"""Folders wherever they are, the manifest in them, and what travels; without a cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'dim_trt[cluster]'")
pytest.importorskip("fsspec")
from dim_trt.cluster.attempts import Attempts  # noqa: E402
from dim_trt.cluster.engines import EngineSpec  # noqa: E402
from dim_trt.cluster.listing import Folders, census, items  # noqa: E402
from dim_trt.cluster.manifest import SCHEMA, Manifest, Recorder  # noqa: E402
from dim_trt.cluster.places import Folder, open_folder  # noqa: E402
from dim_trt.errors import BackendUnavailable, Error, InvalidInput  # noqa: E402
from dim_trt.files import is_address, read_whole, write_together  # noqa: E402


@pytest.fixture(params=["path", "file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """On a path, by an address of it, and in a store of fsspec that has no objects that appear whole by themselves."""
    places = {"path": str(tmp_path), "file": f"file://{tmp_path}", "memory": f"memory://{tmp_path.name}"}
    made = open_folder(places[request.param])
    made.make()
    return made


def rows(*pairs: tuple[str, str | None]) -> Any:
    return pa.Table.from_pylist([{"name": name, "error": error} for name, error in pairs], SCHEMA)


def test_files_by_their_names(folder: Folder) -> None:
    folder.write("a.png", b"1", "file")
    write_together({folder.file("b.png"): [b"2", b"3"]})
    folder.folder("below").make()
    folder.folder("below").write("c.png", b"4", "file")
    assert sorted(folder.names()) == ["a.png", "b.png", "below/"]
    assert read_whole(folder.file("b.png")) == b"23"
    assert os.fspath(folder.file("b.png")).endswith("/b.png")
    folder.remove("a.png")
    folder.remove("a.png")
    assert sorted(folder.names()) == ["b.png", "below/"]
    with pytest.raises(OSError):
        read_whole(folder.file("a.png"))
    with pytest.raises(InvalidInput):
        list(folder.folder("none").names())


def test_of_each_picture_the_last_row_counts(folder: Folder) -> None:
    first = Recorder(folder, {"depth": 8})
    first.add(rows(("a", None), ("b", "bad"), ("c", None)))
    first.flush()
    manifest = Manifest(folder)
    assert manifest.settings() == {"depth": 8}
    assert manifest.done() == set()
    manifest.merge()
    assert manifest.done() == {"a", "c"}
    second = Recorder(folder, {"depth": 8})
    second.add(rows(("b", None), ("c", "gone")))
    second.flush()
    assert manifest.done() == {"a", "c"}  # as when that run began
    manifest.merge()
    assert manifest.done() == {"a", "b"}
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(read_whole(folder.file("manifest.parquet"))))
    assert sorted(zip(table["name"].to_pylist(), table["error"].to_pylist(), strict=True)) == [
        ("a", None),
        ("b", None),
        ("c", "gone"),
    ]
    assert manifest.settings() == {"depth": 8}
    assert [name for name in folder.folder("manifest.parts").names() if not name.startswith(".")] == []
    manifest.merge(without={"a"})
    assert (manifest.settings(), manifest.done()) == ({"depth": 8}, {"b"})
    manifest.merge(without={"b", "c"})
    assert (manifest.settings(), manifest.done()) == ({"depth": 8}, set())
    manifest.discard()
    assert (manifest.settings(), manifest.done()) == (None, set())


def test_a_manifest_that_is_none(folder: Folder) -> None:
    folder.write("manifest.parquet", b"nonsense", "file")
    with pytest.raises(Error, match=r"cannot read the manifest .*; --restart does all pictures again"):
        Manifest(folder).done()


def test_what_is_to_be_done(folder: Folder) -> None:
    pictures, out = folder.folder("in"), folder.folder("out")
    pictures.make()
    out.make()
    for name in ("a.jpg", "b.png", "b_mask.png", "c.png", ".hidden.png", "notes.txt"):
        pictures.write(name, b"", "file")
    folders = Folders(pictures, pictures, "mask", {"alpha": out}, ".png")
    found = {item.name: (item.known, item.error and item.error.split(" in ")[0]) for item in items(folders)}
    missing = "mask: expected one picture called 'a' or 'a_mask'"
    assert found["b.png"] == ("b_mask.png", None)
    assert found["a.jpg"] == (None, missing)
    counted = census(folders)
    assert (counted.pending, counted.done, counted.others) == (3, 0, ("notes.txt",))
    recorder = Recorder(out, {})
    recorder.add(rows(("b.png", None), ("c.png", None)))
    recorder.flush()
    out.write("b.png", b"", "file")
    assert census(folders).done == 1  # the result of c.png is not there
    names = [item.name for item in items(folders)]
    assert names == ["a.jpg", "c.png"]
    out.write("c.png", b"", "file")
    recorder.add(rows(("a.jpg", None), ("c.png", None)))
    recorder.flush()
    assert [item.name for item in items(folders)] == names  # however often it is begun again
    pictures.write("c.jpg", b"", "file")
    with pytest.raises(InvalidInput, match="several pictures are called 'c'"):
        census(folders)


def test_secrets_of_addresses_are_not_shown() -> None:
    shown = str(open_folder("s3://key:secret@bucket/in?endpoint_override=localhost:1&scheme=http"))
    assert shown == "s3://bucket/in"
    with pytest.raises(InvalidInput) as refused:
        open_folder("s3://key:secret@bucket/in?nonsense=1")
    assert "secret" not in str(refused.value)
    assert is_address("S3://x")
    assert not is_address("a:b/c")


def test_workers_of_another_version_refuse() -> None:
    with pytest.raises(BackendUnavailable, match=r"a worker has dim_trt .*, the driver 0\.0\.0: install one version"):
        EngineSpec(version="0.0.0").open()


def test_deaths_are_counted_until_a_picture_is_done() -> None:
    attempts = Attempts()
    assert attempts.begin(["a", "b"]) == [0, 0]
    assert attempts.begin(["b"], 1) == [1]
    attempts.end(["a"])
    assert attempts.begin(["a", "b", "c"]) == [0, 2, 0]  # which begins none
    assert attempts.begin(["a", "c"]) == [0, 0]
