"""What is measured on: the networks, as PyTorch modules and ONNX files, and pictures with PyTorch's answers.

`full` has no trained weights: it gets random ones with logits of order one, so that differences show. `lite` is the
shipped model. A process of its own writes both to disk, with PyTorch fp32 on the CPU as the reference for alpha.
"""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.gpu.records import Model
from benchmarks.gpu.session import GpuSetup, Records
from benchmarks.networks import model_of, random_model
from dim_trt.files import replaced
from dim_trt.pictures.files import read_image
from dim_trt.plans.builder import SHIPPED, onnx_file
from dim_trt.trimaps import read_trimap
from training.data.preprocess import network_input
from training.export import export_onnx
from training.model import CONFIGS, DeepImageMatting
from training.scenes.drawing import draw_scene
from training.scenes.textures import Size

U8 = NDArray[np.uint8]
SAMPLES = Path(__file__).parents[2] / "samples"
SCENES = (("hair", Size(239, 317)), ("smoke", Size(320, 256)), ("leaves", Size(161, 401)))
TINY_SCENES = (("hair", Size(61, 97)),)
SEED = 40  # not that of the calibration pictures
WIDER_PX = 41  # kernel that widens a drawn scene's unknown band


@dataclass(frozen=True)
class Case:
    """A picture (RGB) with its trimap, and the truth where it is known."""

    name: str
    image: U8
    trimap: U8
    truth: NDArray[np.float32] | None = None


def cases(rehearsal: bool) -> list[Case]:
    """Drawn scenes with narrow and wide trimaps at odd sizes, and the sample photographs."""
    found: list[Case] = []
    for number, (family, size) in enumerate(TINY_SCENES if rehearsal else SCENES):
        scene = draw_scene(np.random.default_rng((SEED, number)), size, family)
        unknown = ((scene.trimap != 0) & (scene.trimap != 255)).astype(np.uint8)
        wide = cv2.dilate(unknown, np.ones((WIDER_PX, WIDER_PX), np.uint8))
        wide_trimap = np.where(wide > 0, np.uint8(128), scene.trimap)
        wide_trimap[0, 0] = 0  # one known pixel: without any the engine warns
        found.append(Case(f"{family}, narrow", scene.image, scene.trimap, scene.alpha))
        found.append(Case(f"{family}, wide", scene.image, wide_trimap, scene.alpha))
    if not rehearsal:
        for name in ("astronaut", "chelsea"):
            image, trimap = read_image(SAMPLES / f"{name}.png"), read_trimap(SAMPLES / f"{name}_trimap.png")
            found.append(Case(name, np.ascontiguousarray(image[:, :, ::-1]), trimap))
    return found


def load_model(name: str) -> DeepImageMatting:
    if name != SHIPPED:
        return random_model(CONFIGS[name], seed=0)
    with onnx_file(None) as path:
        return model_of(path)


def tensor_of(image: U8, trimap: U8) -> Tensor:
    """[1, 4, 32·h, 32·w] float32."""
    return torch.from_numpy(network_input(image, trimap))[None]


@torch.inference_mode()
def reference_alpha(model: DeepImageMatting, case: Case) -> NDArray[np.float32]:
    """PyTorch's answer on the CPU: cropped, clamped, known pixels pasted."""
    height, width = case.trimap.shape
    alpha = model(tensor_of(case.image, case.trimap))[0, 0, :height, :width].clamp(0, 1).numpy()
    pasted: NDArray[np.float32] = np.where(case.trimap == 0, 0, np.where(case.trimap == 255, 1, alpha))
    return pasted.astype(np.float32)


def prepare(settings: GpuSetup, name: str) -> None:
    """Writes <name>.onnx and <name>.npz, the references."""
    begin = time.perf_counter()
    target, answers = settings.file(f"{name}.onnx"), settings.file(f"{name}.npz")
    model = load_model(name)
    if name == SHIPPED:
        with onnx_file(None) as path:
            shutil.copyfile(path, target)
    else:
        export_onnx(model, target, licence="none", origin="random weights, for benchmarks only")
    references = {case.name: reference_alpha(model, case) for case in cases(settings.rehearsal)}
    with replaced(answers) as temporary, temporary.open("wb") as stream:  # the last: with it all is there
        np.savez(stream, **references)  # type: ignore[arg-type]
    weights = "shipped" if name == SHIPPED else "random"
    spread = float(np.mean([alpha.std() for alpha in references.values()]))
    seconds = round(time.perf_counter() - begin, 2)
    Records(settings).add(Model(model=name, weights=weights, alpha_spread=round(spread, 4), seconds=seconds))


def calibration_pictures(folder: Path, tiny: bool) -> Path:
    """Two small drawn scenes: random weights need no better ranges, and calibrating `full` on more takes minutes."""
    folder.mkdir(parents=True, exist_ok=True)
    for family in ("hair",) if tiny else ("hair", "glass"):
        scene = draw_scene(np.random.default_rng(SEED - 1), Size(64, 96) if tiny else Size(128, 160), family)
        cv2.imwrite(str(folder / f"{family}.png"), cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(folder / f"{family}_trimap.png"), scene.trimap)
    return folder


if __name__ == "__main__":
    prepare(GpuSetup.read(sys.argv[1]), sys.argv[2])
