"""Nothing in a checkpoint is run, whatever it asks for and in whatever format."""

from __future__ import annotations

import contextlib
import copyreg
import pickle
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.training.foreign_files import write
from tests.training.foreign_malice import EXTENSION, HARMLESS_HERE, MODULE, SUSPICIOUS, in_legacy, in_zip, install, text
from tests.training.foreign_networks import MMagic
from training.checkpoints import CheckpointError
from training.foreign.importing import import_checkpoint

FILES: dict[str, Callable[[bytes, Path], Path]] = {"zip": in_zip, "legacy": in_legacy}


@pytest.fixture(name="cage")
def fixture_cage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, where the canary would sing, and from where its module can be imported."""
    install(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    copyreg.add_extension(MODULE, "sing", EXTENSION)
    yield tmp_path
    copyreg.remove_extension(MODULE, "sing", EXTENSION)
    sys.modules.pop(MODULE, None)


def sings(cage: Path) -> bool:
    """Whether it did since the last time that this was asked."""
    sang = (cage / "canary").exists()
    if sang:
        (cage / "canary").rmdir()
    return sang


def message(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        import_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)  # no recipe that would run it after all
    return str(caught.value)


@pytest.mark.parametrize("kind", [*SUSPICIOUS, *HARMLESS_HERE])
def test_pickle_itself_would_run_it(kind: str, cage: Path) -> None:
    """Else what follows would show nothing."""
    payload = b"\x80\x02" + (SUSPICIOUS | HARMLESS_HERE)[kind] + b"."
    with contextlib.suppress(Exception):  # after the song
        pickle.loads(payload)
    assert sings(cage)


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("kind", SUSPICIOUS)
def test_what_runs_programs_is_called_suspicious(kind: str, form: str, cage: Path) -> None:
    said = message(FILES[form](SUSPICIOUS[kind], cage / "weights.pth"))
    assert "suspicious. Nothing of it was run" in said
    assert not sings(cage)


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("kind", HARMLESS_HERE)
def test_what_is_unknown_becomes_a_placeholder(kind: str, form: str, cage: Path) -> None:
    assert "holds no tensors" in message(FILES[form](HARMLESS_HERE[kind], cage / "weights.pth"))
    assert not sings(cage)
    assert MODULE not in sys.modules


class Singer:
    def __init__(self, module: str, name: str, argument: str):
        self.what = module, name, argument

    def __reduce__(self) -> object:
        module, name, argument = self.what
        return getattr(__import__(module), name), (argument,)


@pytest.mark.parametrize("form", ["zip", "legacy", "Python 2"])
def test_beside_tensors_that_fit(form: str, cage: Path) -> None:
    """A whole checkpoint with an unknown object is taken, one with a suspicious name is not."""
    tensors = MMagic(refiner=False).state_dict()
    path = write({"state_dict": tensors, "note": Singer(MODULE, "sing", "")}, cage / "weights.pth", form)
    sings(cage)
    sys.modules.pop(MODULE)
    assert import_checkpoint(path).repository == "mmagic"
    assert MODULE not in sys.modules
    path = write({"state_dict": tensors, "note": Singer("os", "mkdir", "canary")}, path, form)
    assert "posix.mkdir" in message(path)
    assert not sings(cage)


# files that want too much

DEEP = 200_000


def stored(count: bytes, shape: bytes) -> bytes:
    """A tensor of a storage that claims `count` numbers."""
    identity = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + count + b"tQ"
    return b"}" + text("conv1_1.weight") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + identity + b"K\x00" + shape + (
        b"(K\x01t\x89NtRs"
    )  # fmt: skip


GREEDY = {
    "nested tuples": b")" + b"\x85" * DEEP,
    "a key of nested tuples": b"}" + b")" + b"\x85" * DEEP + b"Ns",
    "nested dictionaries": b"}" + b"N" * DEEP + b"}" + b"s" * (DEEP // 2),
    "nested objects": b"cx\ny\n)\x81" * DEEP + b"b" * (DEEP - 1),
    "a place in the memo": b"Nr\xff\xff\xff\xff",
    "long bytes": b"\x8e" + struct.pack("<Q", 1 << 62),
    "a long text": b"X" + struct.pack("<I", (1 << 32) - 1),
    "a long number": b"\x8b" + struct.pack("<i", (1 << 31) - 1),
    "digits": b"L" + b"9" * 60_000 + b"\n",
    "operations": b"N0" * 1_500_000,
    "numbers that are not there": stored(b"\x8a\x05\x00\x00\x00\x00\x10", b"(K\x01t"),
    "a shape beyond its numbers": stored(b"K\x00", b"(J\xff\xff\xff\x7ft"),
    "a negative shape": stored(b"K\x00", b"(J\xff\xff\xff\xfft"),
}


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("kind", GREEDY)
def test_files_that_want_too_much_are_refused_at_once(kind: str, form: str, tmp_path: Path) -> None:
    path, start = FILES[form](GREEDY[kind], tmp_path / "weights.pth"), time.process_time()
    message(path)
    assert time.process_time() - start < 30


def test_a_module_that_holds_itself_is_refused(tmp_path: Path) -> None:
    module = torch.nn.Module()
    module._modules["again"] = module
    torch.save({"model": module}, tmp_path / "weights.pth")
    assert "module of more than" in message(tmp_path / "weights.pth")


def test_modules_that_double_at_each_level_are_refused(tmp_path: Path) -> None:
    module = torch.nn.Linear(1, 1)
    for _ in range(40):
        module = torch.nn.Sequential(module, module)
    torch.save(module, tmp_path / "weights.pth")
    assert "module of more than" in message(tmp_path / "weights.pth")
