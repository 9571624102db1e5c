"""Every kind of file is taken as what it is, or refused in one line that says what to do; the page says the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.foreign_files import by_mmediting, write
from tests.training.foreign_kinds import KINDS, flipped, own
from tests.training.foreign_networks import MMagic
from tests.training.foreign_table import BLOCK, PAGE, outcome, table
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
