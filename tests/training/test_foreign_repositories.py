"""Checkpoints of other repositories: the plan gives the alpha of the repository's own network on a picture."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import dim_trt
from dim_trt.graph.load import load_onnx
from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.runtime import Session
from dim_trt.graph.tensorrt import to_native_model, to_plugin_model, with_reference_bodies
from tests.graph.dim_graphs import dim_onnx
from tests.support.compare import assert_within
from tests.support.networks import random_picture
from tests.support.pictures import calibration_folder
from tests.support.plans import core_engine
from tests.support.seeds import SeedCase, seed_of
from tests.training.foreign_files import (
    by_foamliu,
    by_huochaitiantang,
    by_huochaitiantang_with_sad,
    by_indexnet,
    by_mmagic,
    by_mmediting,
    write,
)
from tests.training.foreign_networks import Foamliu, Huochaitiantang, IndexNetDim, MMagic, randomise
from tests.training.foreign_programs import FOAMLIU, HUOCHAITIANTANG, HUOCHAITIANTANG_V1_0, INDEXNET, MMAGIC, Program
from training.export import export_onnx
from training.foreign.importing import Imported, import_checkpoint
from training.model import DeepImageMatting

TOLERANCE = 2e-5
SAME_NETWORK = 5e-5  # of the largest value, where it is above one: some clip it later
MIN_TIE_MARGIN = 3e-7
SIZE = (61, 97)
SIZES = (SIZE, (64, 96), (101, 35))


@dataclass(frozen=True)
class Case:
    repository: str
    make: Callable[[], nn.Module]
    program: Program
    saved: Callable[[nn.Module], object] = by_huochaitiantang_with_sad  # what its training script gives to torch.save
    detected: bool = False
    traced: bool = True  # exported in earnest, which takes seconds; else the same graph is built node by node


CASES = {
    "mmagic stage 1": Case("mmagic", lambda: MMagic(refiner=False), MMAGIC, by_mmediting, detected=True, traced=False),
    "mmagic stage 3": Case("mmagic", lambda: MMagic(refiner=True), MMAGIC, by_mmagic, detected=True, traced=False),
    "v1.0, refiner": Case(
        "huochaitiantang-v1.0",
        lambda: Huochaitiantang(1, refiner=True, alpha_scale=256),
        HUOCHAITIANTANG_V1_0,
        by_huochaitiantang,
    ),
    "v1.1, refiner": Case(
        "huochaitiantang-v1.1",
        lambda: Huochaitiantang(1, refiner=True, alpha_scale=256),
        HUOCHAITIANTANG,
        by_huochaitiantang,
        traced=False,
    ),
    "v1.2, refiner": Case(
        "huochaitiantang-v1.2", lambda: Huochaitiantang(1, refiner=True), HUOCHAITIANTANG, traced=False
    ),
    "v1.3": Case("huochaitiantang-v1.3", lambda: Huochaitiantang(1), HUOCHAITIANTANG, traced=False),
    "v1.4": Case("huochaitiantang-v1.4", lambda: Huochaitiantang(3), HUOCHAITIANTANG, traced=False),
    "v1.5": Case("huochaitiantang-v1.5", lambda: Huochaitiantang(3, skip=True), HUOCHAITIANTANG, traced=False),
    "indexnet": Case("indexnet-dim", IndexNetDim, INDEXNET, by_indexnet, detected=True),
    "foamliu": Case("foamliu-pytorch", Foamliu, FOAMLIU, by_foamliu, detected=True),
}


@dataclass
class Import:
    case: Case
    seed: int  # of its pictures
    network: nn.Module
    imported: Imported
    img: NDArray[np.uint8]  # RGB
    trimap: NDArray[np.uint8]
    onnx: Path

    def input(self) -> Tensor:
        return network_input(self.case.program, self.img, self.trimap)

    def alpha(self) -> NDArray[np.float32]:
        """As the repository's own program computes it."""
        with torch.inference_mode():
            return self.case.program.alpha(self.network(self.input())[0, 0].numpy(), self.trimap)


def network_input(program: Program, img: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(program.planes(img, trimap)))[None]


def halvable(x: Tensor) -> Tensor:
    """The part that can be halved five times: foamliu's input is odd, which is for the CPU backend alone."""
    return x[..., : x.shape[2] // 32 * 32, : x.shape[3] // 32 * 32]


def picture(program: Program, seed: int, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """RGB, and a trimap with many kinds of gray where the repository's program takes them for unknown, too."""
    img, trimap = random_picture(seed, height, width)
    if program is INDEXNET:
        trimap[(trimap > 0) & (trimap < 255)] = 128
    return img, trimap


def import_network(case: Case, seed: int, folder: Path, form: str = "zip") -> tuple[nn.Module, Imported]:
    """The repository's own network, and what is imported from the checkpoint of its training script."""
    network = randomise(case.make(), network_input(case.program, *picture(case.program, seed, *SIZE)))
    write(case.saved(network), folder / "weights.pth", form)
    return network, import_checkpoint(folder / "weights.pth", None if case.detected else case.repository)


def seed_case(name: str) -> SeedCase:
    program = CASES[name].program

    def attempt(seed: int) -> tuple[DeepImageMatting, list[Tensor]]:
        with tempfile.TemporaryDirectory() as folder:
            _, imported = import_network(CASES[name], seed, Path(folder))
        return imported.model, [network_input(program, *picture(program, seed, *size)) for size in SIZES]

    return SeedCase(f"foreign {name}", MIN_TIE_MARGIN, attempt)


SEED_CASES = [seed_case(name) for name in CASES]


@pytest.fixture(name="made", scope="module", params=CASES)
def fixture_made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Import:
    case, folder = CASES[request.param], tmp_path_factory.mktemp("foreign")
    seed = seed_of(f"foreign {request.param}")
    img, trimap = picture(case.program, seed, *SIZE)
    network, imported = import_network(case, seed, folder)
    made = Import(case, seed, network, imported, img, trimap, folder / "dim.onnx")
    write_onnx(made.imported, made.onnx, case.traced)
    return made


def write_onnx(source: Imported, path: Path, traced: bool) -> None:
    if traced:
        export_onnx(source.model, path, licence=source.licence, origin=source.origin,
                    preprocessing=source.preprocessing)  # fmt: skip
        return
    model = dim_onnx(source.model)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    changed = {
        "dim_trt.preprocessing": json.dumps(source.preprocessing.to_dict()),
        "dim_trt.licence": source.licence,
        "dim_trt.origin": source.origin,
    }
    onnx.helper.set_model_props(model, metadata | changed)
    onnx.save(model, path)


def test_plan_gives_the_alpha_of_the_repositorys_own_network(made: Import, tmp_path: Path) -> None:
    dim_trt.build_plan(made.onnx, tmp_path / "dim.plan", backend="cpu")
    engines = {color: dim_trt.Engine(tmp_path / "dim.plan", color=color, device="cpu") for color in ("rgb", "bgr")}
    for height, width in SIZES:
        img, trimap = picture(made.case.program, made.seed, height, width)
        view = replace(made, img=img, trimap=trimap)
        expected = view.alpha()
        assert expected[(trimap != 0) & (trimap != 255)].std() > 0.1  # a constant would agree too easily
        for color, pixels in (("rgb", img), ("bgr", img[..., ::-1])):
            assert_within(engines[color].run(pixels, trimap), expected, TOLERANCE, f"{height}x{width} {color}")


@pytest.mark.parametrize("form", ["zip", "legacy", "Python 2"])
@pytest.mark.parametrize("name", CASES)
def test_what_training_scripts_write_is_imported(name: str, form: str, tmp_path: Path) -> None:
    """By its keys alone where they decide; margins of the seeds are so wide that no argmax differs."""
    case, seed = CASES[name], seed_of(f"foreign {name}")
    network, imported = import_network(case, seed, tmp_path, form)
    x = halvable(network_input(case.program, *picture(case.program, seed, *SIZE)))
    with torch.inference_mode():
        expected = network(x).numpy()
        found = imported.model(x).numpy()
    assert_within(found, expected, SAME_NETWORK * max(1, np.abs(expected).max()), form)
    assert imported.repository == case.repository


@pytest.mark.parametrize("made", ["foamliu"], indirect=True)
def test_maps_that_end_with_the_picture_in_strips_and_in_part(made: Import, tmp_path: Path) -> None:
    dim_trt.build_plan(made.onnx, tmp_path / "dim.plan", backend="cpu")
    img, trimap = picture(made.case.program, made.seed, 141, 203)
    expected = replace(made, img=img, trimap=trimap).alpha()
    for strips in ({"strip_bytes": 1 << 40}, {"strip_bytes": 1}, {"strip_bytes": 1, "section_rows": 1}):
        engine = core_engine(tmp_path / "dim.plan", threads=2, rgb=True, **strips)
        assert_within(engine.run(img, trimap), expected, TOLERANCE, f"{strips}")
        for top, left in ((0, 0), (70, 190), (130, 60), (136, 198)):
            few = np.zeros_like(trimap)
            few[top : top + 5, left : left + 5] = 128
            view = replace(made, img=img, trimap=few)
            assert_within(engine.run(img, few), view.alpha(), TOLERANCE, f"{top} {left}, {strips}")


@pytest.mark.parametrize("form", [to_plugin_model, to_native_model])
def test_graph_for_tensorrt_gives_it_too(made: Import, form: Callable[[gs.Graph], onnx.ModelProto]) -> None:
    model = form(lower(import_graph(load_onnx(made.onnx).proto)))
    x = halvable(made.input())
    with torch.inference_mode():
        expected = made.network(x).numpy()
    (alpha,) = Session(with_reference_bodies(model)).run(x.numpy())
    assert_within(alpha, expected, TOLERANCE, form.__name__)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_other_precisions_stay_near(made: Import, precision: str, tmp_path: Path) -> None:
    calibration = calibration_folder(tmp_path) if precision == "int8" else None
    dim_trt.build_plan(made.onnx, tmp_path / "dim.plan", backend="cpu", precision=precision, calibration=calibration)
    alpha = dim_trt.Engine(tmp_path / "dim.plan", color="rgb", device="cpu").run(made.img, made.trimap)
    change = np.abs(alpha - made.alpha()).mean()  # rounded weights move some argmax of a random network
    assert 0 < change < {"fp16": 0.02, "int8": 0.1}[precision]


def test_metadata_say_where_the_weights_are_from(made: Import) -> None:
    source = load_onnx(made.onnx)
    assert made.imported.repository == made.case.repository
    assert source.origin.startswith("github.com/")
    assert "; imported from weights.pth; its own program gives this alpha for pictures " in source.origin
    assert "non-commercial use" in source.licence
    assert source.preprocessing["channel_order"] == ("bgr" if made.case.program is HUOCHAITIANTANG_V1_0 else "rgb")
