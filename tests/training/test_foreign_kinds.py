"""Every kind of file is taken as what it is, or refused in one line that says what to do; the page says the same."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest
import torch

from tests.training.foreign_files import by_mmediting, write
from tests.training.foreign_kinds import KINDS, flipped, own
from tests.training.foreign_networks import MMagic
from tests.training.foreign_table import BLOCK, PAGE, outcome, table
from training import export
from training.checkpoints import CheckpointError, load_checkpoint
from training.foreign.importing import import_checkpoint


@pytest.mark.parametrize("name", KINDS)
def test_kind_is_taken_or_refused_as_the_page_says(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    taken, said = outcome(kind, tmp_path)
    assert taken == kind.taken, said
    assert "\n" not in said
    row = table({name: (taken, said)}).splitlines()[-1]
    written = BLOCK.search(PAGE.read_text())
    assert written is not None
    assert row in written[1].splitlines(), "run python -m tests.training.foreign_table"


@pytest.mark.parametrize("form", ["big endian", "legacy", "Python 2"])
def test_numbers_are_those_of_the_network(form: str, tmp_path: Path) -> None:
    network = MMagic(refiner=True)
    path = write({"state_dict": network.state_dict()}, tmp_path / "weights.pth", form)
    assert torch.equal(import_checkpoint(path).model.conv6.conv.weight, network.backbone.encoder.conv6.weight)


def test_counts_of_a_big_endian_machine_in_the_older_format(tmp_path: Path) -> None:
    """It wrote the number of numbers in its own order, and the numbers little-endian."""
    network = MMagic(refiner=False)
    tensors = network.state_dict()
    path = write(tensors, tmp_path / "weights.pth", "legacy")
    data = path.read_bytes()
    for tensor in tensors.values():
        count, numbers = struct.pack("<q", tensor.numel()), tensor.numpy().tobytes()
        assert count + numbers in data
        data = data.replace(count + numbers, count[::-1] + numbers)
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="of another size than it says"):
        import_checkpoint(path)
    place = data.index(b"\x88", data.index(b"little_endian"))  # True
    path.write_bytes(data[:place] + b"\x89" + data[place + 1 :])
    assert torch.equal(import_checkpoint(path).model.conv6.conv.weight, network.backbone.encoder.conv6.weight)


def test_a_tensorflow_checkpoint_by_its_prefix(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt.index").write_bytes(bytes(9))
    with pytest.raises(CheckpointError, match="is a checkpoint of TensorFlow"):
        import_checkpoint(tmp_path / "model.ckpt")


def test_a_file_that_may_not_be_read_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = KINDS["cut off"].make(tmp_path)

    def refuse(*_arguments: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CheckpointError, match=r"cannot be read \(Permission denied\)"):
        import_checkpoint(path)


def test_export_says_where_the_tensors_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = KINDS["averages in `model_ema` beside `model`"].make(tmp_path)
    monkeypatch.setattr(sys, "argv", ["export", "--from", str(path), "--to", str(tmp_path / "w.safetensors")])
    export.main()
    assert f"{path}: its tensors are under model_ema\n" in capsys.readouterr().out


def test_averages_are_preferred(tmp_path: Path) -> None:
    """The tensors beside them are zeros."""
    for name in ("averages in `model_ema` beside `model`", "`params_ema` beside `params` (BasicSR)"):
        assert import_checkpoint(KINDS[name].make(tmp_path)).model.conv6.conv.weight.abs().max() > 0


def test_only_the_networks_tensors_are_read(tmp_path: Path) -> None:
    """A file whose optimizer is damaged still gives the weights."""
    path = write(by_mmediting(network := MMagic(refiner=False)), tmp_path / "weights.pth")
    state = torch.load(path, weights_only=False)["optimizer"]["state"]
    data = bytearray(path.read_bytes())
    step = state[0]["step"].numpy().tobytes()
    assert data.count(step) >= len(state)  # the steps are equal, and no weight has these bytes
    start = data.index(step)
    data[start] ^= 1
    path.write_bytes(data)
    imported = import_checkpoint(path)
    assert torch.equal(imported.model.conv6.conv.weight, network.backbone.encoder.conv6.weight)


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"damaged: its bytes are not those of its checksum.*data/"):
        import_checkpoint(flipped(tmp_path))


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_a_flipped_bit_is_noticed_in_our_own_checkpoints(place: float, tmp_path: Path) -> None:
    """Which training resumes from and export reads."""
    path = own(tmp_path)
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 1
    path.write_bytes(data)
    for read in (load_checkpoint, import_checkpoint):
        with pytest.raises(CheckpointError, match=r"damaged|truncated"):
            read(path)


def test_what_was_taken_from_where_is_said(tmp_path: Path) -> None:
    found = {
        name: import_checkpoint(KINDS[name].make(tmp_path)).found for name in KINDS if name.startswith("names beh")
    }
    assert sorted(found.values()) == [
        "under state_dict, without model. in their names",
        "under weights of mine, without matting.net. in their names",
        "without _orig_mod. in their names",
        "without module.module. in their names",
    ]
