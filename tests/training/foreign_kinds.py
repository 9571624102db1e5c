"""Every kind of file that somebody may take for a checkpoint, made; what of them is taken says `foreign_table`."""

from __future__ import annotations

import gzip
import io
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from tests.support.tiny_graphs import tiny_dim
from tests.training.foreign_files import (
    by_a_script,
    by_foamliu,
    by_huochaitiantang,
    by_huochaitiantang_with_sad,
    by_indexnet,
    by_mmagic,
    by_mmediting,
    write,
)
from tests.training.foreign_malice import SUSPICIOUS, in_zip
from tests.training.foreign_networks import Foamliu, Huochaitiantang, IndexNetDim, MMagic
from training.checkpoints import save_checkpoint
from training.model import DeepImageMatting, ModelConfig

Make = Callable[[Path], Path]  # a folder to write to -> the file


class Kind(NamedTuple):
    """`repository`: what the user says; `taken`: as which it is imported, empty if it is refused."""

    make: Make
    taken: str = ""
    repository: str | None = None


def script(name: str, form: str, network: Callable[[], nn.Module], saved: Callable[[nn.Module], object]) -> Make:
    return lambda folder: write(saved(network()), folder / name, form)


def renamed(rename: Callable[[str], str], container: str = "", beside: str = "") -> Make:
    """MMagic's tensors under other names, in a container, `beside` another with zeros."""

    def make(folder: Path) -> Path:
        tensors = MMagic(refiner=False).state_dict()
        content: dict[str, object] = {rename(name): tensor for name, tensor in tensors.items()}
        if container:
            content = {container: content, "epoch": 3}
        if beside:
            content[beside] = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
        return write(content, folder / "weights.pth")

    return make


def of_bytes(name: str, data: bytes) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def folder_of(*names: str) -> Make:
    def make(folder: Path) -> Path:
        path = folder / "checkpoint"
        path.mkdir()
        for name in names:
            (path / name).write_bytes(b"")
        return path

    return make


def safetensors(folder: Path, rename: Callable[[str], str] = str, name: str = "weights.safetensors") -> Path:
    from safetensors.torch import save_file

    save_file({rename(key): value for key, value in MMagic(refiner=False).state_dict().items()}, folder / name)
    return folder / name


def torchscript(folder: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(nn.Conv2d(4, 1, 1), torch.zeros(1, 4, 8, 8)).save(str(folder / "weights.pt"))
    return folder / "weights.pt"


def exported(folder: Path) -> Path:
    program = torch.export.export(nn.Conv2d(4, 1, 1), (torch.zeros(1, 4, 8, 8),))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, folder / "weights.pt2")
    return folder / "weights.pt2"


def flipped(folder: Path) -> Path:
    """One bit of the weights."""
    path = write(by_mmediting(MMagic(refiner=False)), folder / "weights.pth")
    data = bytearray(path.read_bytes())
    weights: Tensor = torch.load(path, weights_only=False)["state_dict"]["backbone.encoder.layer2.0.weight"]
    data[data.index(weights.numpy().tobytes()) + 40] ^= 1
    path.write_bytes(data)
    return path


def truncated(folder: Path) -> Path:
    path = write(by_mmediting(MMagic(refiner=False)), folder / "weights.pth")
    path.write_bytes(path.read_bytes()[:-5000])
    return path


def own(folder: Path) -> Path:
    config = ModelConfig(width=1 / 16)
    save_checkpoint(folder / "checkpoint.pt", config, DeepImageMatting(config).state_dict())
    return folder / "checkpoint.pt"


def onnx_file(folder: Path) -> Path:
    onnx.save(tiny_dim(), folder / "dim.onnx")
    return folder / "dim.onnx"


def npz(folder: Path) -> Path:
    np.savez(folder / "vgg16_weights.npz", conv1_1_W=np.zeros((3, 3, 3, 64)))
    return folder / "vgg16_weights.npz"


def tar(*names: str) -> Make:
    def make(folder: Path) -> Path:
        with tarfile.open(folder / "weights.pth.tar", "w") as file:
            for name in names:
                file.addfile(tarfile.TarInfo(name), io.BytesIO())
        return folder / "weights.pth.tar"

    return make


def diverged(folder: Path) -> Path:
    tensors = MMagic(refiner=False).state_dict()
    tensors["backbone.encoder.conv6.bias"][0] = torch.nan
    return write(tensors, folder / "weights.pth")


def plain_mmagic() -> nn.Module:
    return MMagic(refiner=False)


HUOCHAITIANTANG = {
    "v1.0": (lambda: Huochaitiantang(1, refiner=True), by_huochaitiantang, "legacy"),
    "v1.1": (lambda: Huochaitiantang(1, refiner=True), by_huochaitiantang, "Python 2"),
    "v1.2": (lambda: Huochaitiantang(1, refiner=True), by_huochaitiantang_with_sad, "Python 2"),
    "v1.3": (lambda: Huochaitiantang(1), by_huochaitiantang_with_sad, "legacy"),
    "v1.4": (lambda: Huochaitiantang(3), by_huochaitiantang_with_sad, "legacy"),
    "v1.5": (lambda: Huochaitiantang(3, skip=True), by_huochaitiantang_with_sad, "legacy"),
}

KINDS: dict[str, Kind] = {
    "MMagic's training (MMEngine: message hub, optimizer)": Kind(
        script("iter_1000000.pth", "zip", lambda: MMagic(refiner=True), by_mmagic), "mmagic"
    ),
    "MMEditing's training (MMCV), published in the older format": Kind(
        script("dim_stage1.pth", "legacy", plain_mmagic, by_mmediting), "mmagic"
    ),
    **{
        f"huochaitiantang's training, {release}, {form}": Kind(
            script("ckpt_best.pth", form, network, saved),
            f"huochaitiantang-{release}",
            f"huochaitiantang-{release}",
        )
        for release, (network, saved, form) in HUOCHAITIANTANG.items()
    },
    "the same, and no release said": Kind(
        script("ckpt_best.pth", "legacy", lambda: Huochaitiantang(3), by_huochaitiantang_with_sad)
    ),
    "IndexNet's training": Kind(script("model_best.pth.tar", "legacy", IndexNetDim, by_indexnet), "indexnet-dim"),
    "foamliu's training (the whole module)": Kind(
        script("BEST_checkpoint.tar", "legacy", Foamliu, by_foamliu), "foamliu-pytorch"
    ),
    "a script's, with its arguments": Kind(script("last.pth", "zip", plain_mmagic, by_a_script), "mmagic"),
    "written by a big-endian machine": Kind(
        script("weights.pth", "big endian", plain_mmagic, lambda network: network.state_dict()), "mmagic"
    ),
    "safetensors": Kind(safetensors, "mmagic"),
    "safetensors, called .pth": Kind(lambda folder: safetensors(folder, name="weights.pth"), "mmagic"),
    "safetensors under other names": Kind(lambda folder: safetensors(folder, lambda name: f"x_{name}")),
    "names behind `module.module.`": Kind(renamed(lambda name: f"module.module.{name}"), "mmagic"),
    "names behind `_orig_mod.` (torch.compile)": Kind(
        renamed(lambda name: name.replace("backbone.", "_orig_mod.backbone._orig_mod.", 1)), "mmagic"
    ),
    "names behind `model.` (Lightning)": Kind(renamed(lambda name: f"model.{name}", "state_dict"), "mmagic"),
    "names behind any other": Kind(renamed(lambda name: f"matting.net.{name}", "weights of mine"), "mmagic"),
    "averages in `model_ema` beside `model`": Kind(renamed(str, "model_ema", beside="model"), "mmagic"),
    "`params_ema` beside `params` (BasicSR)": Kind(renamed(str, "params_ema", beside="params"), "mmagic"),
    "a checkpoint of training.train": Kind(own, "dim_trt"),
    "names of no repository": Kind(renamed(lambda name: name.replace("conv", "c"))),
    "a suspicious name in the pickle": Kind(
        lambda folder: in_zip(SUSPICIOUS["posix.system"], folder / "weights.pth")
    ),
    "a flipped bit": Kind(flipped),
    "cut off": Kind(truncated),
    "weights that are not finite": Kind(diverged),
    "TorchScript": Kind(torchscript),
    "torch.export": Kind(exported),
    "PyTorch of 2016": Kind(tar("storages", "tensors", "pickle")),
    "a folder of torch.distributed.checkpoint": Kind(folder_of(".metadata", "__0_0.distcp")),
    "another folder": Kind(folder_of("weights.pth", "log.txt")),
    "Keras, such as foamliu's first repository": Kind(
        of_bytes("final.42-0.0398.hdf5", b"\x89HDF\r\n\x1a\n" + bytes(500))
    ),
    "TensorFlow 1, such as the first Deep Image Matting": Kind(
        of_bytes("model.ckpt.index", bytes(40) + bytes.fromhex("57fb808b247547db"))
    ),
    "TensorFlow's weights": Kind(of_bytes("model.ckpt.data-00000-of-00001", bytes(64))),
    "TensorFlow's folder": Kind(folder_of("checkpoint", "model.ckpt.index", "model.ckpt.meta")),
    "ONNX": Kind(onnx_file),
    "VGG16 for the encoder": Kind(npz),
    "a plan": Kind(of_bytes("dim.plan", b"DIMPLAN1" + bytes(56))),
    "a page in place of the download": Kind(of_bytes("weights.pth", b"<!DOCTYPE html><html>Google Drive</html>")),
    "a pointer of Git LFS": Kind(of_bytes("weights.pth", b"version https://git-lfs.github.com/spec/v1\n")),
    "compressed": Kind(lambda folder: of_bytes("weights.pth.gz", gzip.compress(b"weights"))(folder)),
    "a tar archive": Kind(tar("weights.pth")),
    "empty": Kind(of_bytes("weights.pth", b"")),
    "something else": Kind(of_bytes("weights.pth", b"not a checkpoint")),
}  # fmt: skip
