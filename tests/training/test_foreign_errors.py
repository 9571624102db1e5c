"""What does not fit is refused by name, code in a file is never run, and weights go out as they came in."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.support.networks import random_network
from tests.training.foreign_networks import Foamliu, Huochaitiantang, IndexNetDim, MMagic
from training import export
from training.checkpoints import CheckpointError, save_checkpoint
from training.foreign.importing import Imported, import_checkpoint
from training.foreign.repositories import RAW_BGR, REPOSITORIES
from training.foreign.writing import write_checkpoint
from training.model import DeepImageMatting, ModelConfig

Tensors = dict[str, Tensor]


def saved(content: object, folder: Path) -> Path:
    torch.save(content, folder / "weights.pth")
    return folder / "weights.pth"


def message(path: Path, repository: str | None = None) -> str:
    with pytest.raises(CheckpointError) as caught:
        import_checkpoint(path, repository)
    assert str(path) in str(caught.value) or "--repository" in str(caught.value)
    return str(caught.value)


def without(key: str) -> Callable[[Tensors], object]:
    return lambda tensors: tensors.pop(key)


def replaced(key: str, value: object) -> Callable[[Tensors], object]:
    return lambda tensors: tensors.update({key: value})


# network, change, --repository, what is said
WRONG = {
    "missing": (MMagic, without("backbone.encoder.conv6.bias"), "mmagic", "backbone.encoder.conv6.bias is missing"),
    "missing, no repository": (
        MMagic,
        without("backbone.decoder.deconv1.weight"),
        None,
        "fits no repository; the nearest is mmagic: backbone.decoder.deconv1.weight is missing",
    ),
    "half a refiner": (MMagic, without("refiner.refine_pred.bias"), None, "refiner.refine_pred.bias is missing"),
    "extra": (MMagic, replaced("backbone.extra", torch.zeros(1)), "mmagic", "backbone.extra is none of its tensors"),
    "shape": (
        MMagic,
        replaced("backbone.encoder.layer2.0.weight", torch.zeros(8, 4, 5, 5)),
        "mmagic",
        "backbone.encoder.layer2.0.weight: expected shape [8, 4, 3, 3], got [8, 4, 5, 5]",
    ),
    "first shape": (
        MMagic,
        replaced("backbone.encoder.layer1.0.weight", torch.zeros(4, 3, 3, 3)),
        None,
        "backbone.encoder.layer1.0.weight: expected shape [4, 4, 3, 3], got [4, 3, 3, 3]",
    ),
    "not finite": (
        MMagic,
        replaced("backbone.encoder.conv6.bias", torch.full((32,), torch.nan)),
        None,
        "backbone.encoder.conv6.bias: holds NaN or infinity",
    ),
    "no tensor": (MMagic, replaced("note", "hello"), None, "note: expected a tensor, or all tensors under one of"),
    "wrong release": (
        lambda _refiner: Huochaitiantang(3),
        lambda _tensors: None,
        "huochaitiantang-v1.2",
        "--repository huochaitiantang-v1.2: conv6_1.weight: expected shape [32, 32, 1, 1], got [32, 32, 3, 3]; "
        "it fits huochaitiantang-v1.4, huochaitiantang-v1.5",
    ),
    "wrong repository": (
        lambda _refiner: IndexNetDim(),
        lambda _tensors: None,
        "mmagic",
        "--repository mmagic: backbone.encoder.layer1.0.weight is missing; it fits indexnet-dim",
    ),
    "no repository of that name": (
        MMagic,
        lambda _tensors: None,
        "mmedit",
        "--repository: expected one of mmagic, huocha",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused_by_name(case: str, tmp_path: Path) -> None:
    make, change, repository, said = WRONG[case]
    tensors = dict(make(True).state_dict())
    change(tensors)
    assert said in message(saved({"state_dict": tensors} if case != "no tensor" else tensors, tmp_path), repository)


@pytest.mark.parametrize(
    ("network", "choices"),
    [
        (Huochaitiantang(3), {"v1.4": "no skip connections", "v1.5": "skip connections"}),
        (Huochaitiantang(1, refiner=True), {"v1.0": "BGR", "v1.1": "refiner reads 256 · alpha", "v1.2": "RGB"}),
        (Huochaitiantang(1), {"v1.0": "BGR", "v1.3": "RGB"}),
    ],
    ids=["3x3", "1x1 and refiner", "1x1"],
)
def test_tensors_that_fit_several_repositories_need_a_flag(
    network: nn.Module, choices: dict[str, str], tmp_path: Path
) -> None:
    said = message(saved({"state_dict": network.state_dict()}, tmp_path))
    assert "fit several repositories" in said
    for version, difference in choices.items():
        assert re.search(rf"--repository huochaitiantang-{version} \([^)]*{difference}", said)


def test_a_whole_module_alone_is_taken(tmp_path: Path) -> None:
    """Without its class: nothing of the file is imported."""
    assert import_checkpoint(saved(Foamliu(), tmp_path)).repository == "foamliu-pytorch"


def test_two_names_that_become_one_are_refused(tmp_path: Path) -> None:
    tensors = dict(MMagic(refiner=False).state_dict())
    tensors["_orig_mod.backbone.encoder.conv6.bias"] = tensors["backbone.encoder.conv6.bias"]
    assert "two tensors by the name backbone.encoder.conv6.bias" in message(saved(tensors, tmp_path))


def test_other_contents_are_refused(tmp_path: Path) -> None:
    assert "has keys of no repository (a, b, …)" in message(saved({"a": torch.zeros(1), "b": torch.zeros(1)}, tmp_path))
    assert "it has epoch (int), model (dict)" in message(saved({"epoch": 1, "model": {"a": 1}}, tmp_path))
    assert "expected tensors by name, got list" in message(saved([torch.zeros(1)], tmp_path))
    assert "holds no tensors by name; it has nothing" in message(saved({}, tmp_path))
    path = tmp_path / "none.pth"
    assert "no such checkpoint" in message(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("size", [0, 5, 1000, -100])
def test_a_truncated_file_is_refused(suffix: str, size: int, tmp_path: Path) -> None:
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    tensors = dict(MMagic(refiner=False).state_dict())
    whole = saved(tensors, tmp_path).read_bytes()
    if suffix == ".safetensors":
        from safetensors.torch import save

        whole = save(tensors)
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[:size])
    assert "truncated, or no" in message(path)


# out again

OUR_CONFIGS = {
    "batch norm": ModelConfig(width=1 / 16, norm="batch", skip=True),
    "plain": ModelConfig(width=1 / 16, refine=False, output="clip"),
}


def assert_same_network(left: DeepImageMatting, right: DeepImageMatting, tolerance: float = 0.0) -> None:
    x = torch.randn(1, 4, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        difference = (left.double()(x.double()) - right.double()(x.double())).abs().max()
    assert difference <= tolerance


@pytest.mark.parametrize("name", OUR_CONFIGS)
def test_safetensors_bring_everything_back(name: str, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    source = Imported(random_network(OUR_CONFIGS[name], 0), RAW_BGR, "a licence", "an origin")
    write_checkpoint(source, tmp_path / "w.safetensors")
    again = import_checkpoint(tmp_path / "w.safetensors")
    assert again.model.config == source.model.config
    assert (again.preprocessing, again.licence, again.origin) == (RAW_BGR, "a licence", "an origin")
    assert_same_network(again.model, source.model)
    assert "knows its network" in message(tmp_path / "w.safetensors", "mmagic")


def test_mmagics_names_come_back_as_mmagic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the full width that MMagic has, from an averaged checkpoint of our own with batch norm."""
    config = ModelConfig(norm="batch")
    model = random_network(config, 0)
    save_checkpoint(tmp_path / "own.pt", config, model.state_dict())
    arguments = ["export", "--from", str(tmp_path / "own.pt"), "--to", str(tmp_path / "mmagic.pth")]
    monkeypatch.setattr(sys, "argv", arguments)
    export.main()
    assert not (tmp_path / "dim.onnx").exists()
    stored = torch.load(tmp_path / "mmagic.pth", weights_only=True)["state_dict"]
    assert set(stored) == set(MMagic(refiner=True).state_dict())
    again = import_checkpoint(tmp_path / "mmagic.pth")
    assert again.repository == "mmagic"
    assert_same_network(again.model, model, 1e-4)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (ModelConfig(width=0.25), "MMagic's DIM has width 1.0, this network has 0.25"),
        (ModelConfig(skip=True), "skip False, this network has True"),
        (ModelConfig(conv6="none", decoder="linear"), "conv6 '1x1x512', this network has 'none'"),
    ],
)
def test_what_mmagic_cannot_express_is_refused(config: ModelConfig, said: str, tmp_path: Path) -> None:
    with torch.device("meta"):
        source = Imported(DeepImageMatting(config))
    with pytest.raises(CheckpointError, match=re.escape(said)):
        write_checkpoint(source, tmp_path / "mmagic.pth")
    assert not list(tmp_path.iterdir())


def test_unknown_suffixes_and_inputs_are_refused(tmp_path: Path) -> None:
    with torch.device("meta"):
        source = Imported(DeepImageMatting(), RAW_BGR)
    with pytest.raises(CheckpointError, match=r"--to: expected \.safetensors .*, or \.pth .*; got 'w\.bin'"):
        write_checkpoint(source, tmp_path / "w.bin")
    with pytest.raises(CheckpointError, match="reads RGB by ImageNet's mean and std"):
        write_checkpoint(source, tmp_path / "w.pth")


def test_missing_safetensors_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    (tmp_path / "w.safetensors").write_bytes(b"")
    assert "pip install safetensors" in message(tmp_path / "w.safetensors")


def test_repository_with_random_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["export", "--random", "1", "--config", "lite", "--repository", "mmagic"])
    with pytest.raises(SystemExit) as caught:
        export.main()
    assert caught.value.code == 2


def test_every_repository_says_what_a_user_must_know() -> None:
    for repository in REPOSITORIES.values():
        assert "non-commercial" in repository.licence
        assert repository.source.startswith("github.com/")
        assert float(repository.sad.split()[0].strip(",")) > 50
        assert repository.same_alpha
