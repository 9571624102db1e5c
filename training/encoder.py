"""The encoder's start from VGG16 trained on ImageNet: torchvision's state dict, or `vgg16_weights.npz`."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.checkpoints import CheckpointError
from training.data.preprocess import PREPROCESSING
from training.networks import Network

LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1", "conv4_2", "conv4_3",
          "conv5_1", "conv5_2", "conv5_3")  # fmt: skip
FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # their numbers in torchvision's `features`
NPZ_MEAN = (123.68, 116.779, 103.939)  # the npz was trained on RGB in 0..255 minus this, not divided by anything
Weights = tuple[Tensor, Tensor]  # [out, in, kernel, kernel] and [out]


def read_npz(path: Path) -> dict[str, Any]:
    with path.open("rb") as file, np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files if name.startswith(("conv", "fc6"))}


class VggFile:
    """Arrays of the file by name, checked."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self.npz = path.suffix == ".npz"
            arrays = read_npz(path) if self.npz else torch.load(path, "cpu", weights_only=True, mmap=True)
        except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CheckpointError(f"{path}: missing or unreadable ({reason})") from error
        if not isinstance(arrays, Mapping):
            raise CheckpointError(f"{path}: expected a state dict or arrays by name, got {type(arrays).__name__}")
        self.arrays: Mapping[str, Any] = arrays

    def get(self, name: str, shape: tuple[int, ...]) -> Tensor:
        if name not in self.arrays:
            expected = "conv1_1_W … of vgg16_weights.npz" if self.npz else "features.0.weight … of torchvision's vgg16"
            raise CheckpointError(f"{self.path}: has no {name}; expected {expected}")
        values = torch.as_tensor(self.arrays[name])
        if tuple(values.shape) != shape:
            raise CheckpointError(f"{self.path}: {name}: expected shape {shape}, got {tuple(values.shape)}")
        return values

    def convolution(self, number: int, cin: int, cout: int) -> Weights:
        """The weights of encoder layer `number`."""
        if self.npz:  # HWIO
            weight = self.get(f"{LAYERS[number]}_W", (3, 3, cin, cout)).permute(3, 2, 0, 1)
            return weight, self.get(f"{LAYERS[number]}_b", (cout,))
        name = f"features.{FEATURES[number]}"
        return self.get(f"{name}.weight", (cout, cin, 3, 3)), self.get(f"{name}.bias", (cout,))

    def fc6(self, cin: int, cout: int) -> Weights:
        """The first fully connected layer as a 7×7 convolution."""
        if self.npz:
            return fc6_from_npz(self.get("fc6_W", (49 * cin, cout)), cin), self.get("fc6_b", (cout,))
        weight = fc6_from_torchvision(self.get("classifier.0.weight", (cout, 49 * cin)), cin)
        return weight, self.get("classifier.0.bias", (cout,))


def fc6_from_torchvision(weight: Tensor, cin: int) -> Tensor:
    """[out, in·7·7] -> [out, in, 7, 7]: its input was flattened from [in, 7, 7]."""
    return weight.reshape(-1, cin, 7, 7)


def fc6_from_npz(weight: Tensor, cin: int) -> Tensor:
    """[7·7·in, out] -> [out, in, 7, 7]: its input was flattened from [7, 7, in]."""
    return weight.reshape(7, 7, cin, -1).permute(3, 2, 0, 1)


def to_our_input(weight: Tensor, bias: Tensor) -> Weights:
    """conv1_1 of the npz for input as this project normalises it: same output, but for the padded border."""
    std, mean, npz_mean = (torch.tensor(v) for v in (PREPROCESSING.std, PREPROCESSING.mean, NPZ_MEAN))
    shift = (weight * (mean - npz_mean)[:, None, None]).sum((1, 2, 3))
    return weight * std[:, None, None], bias + shift


@torch.no_grad()
def load_vgg16(model: Network, path: Path) -> None:
    """Sets conv1_1 … conv5_3, and conv6 from fc6 where the network has it; the trimap's weights, if any, start at zero.

    Batch norm, if any, keeps its start. Raises CheckpointError: a network of another width, or which array is wrong.
    """
    if model.config.width != 1:
        raise CheckpointError(f"{path}: VGG16 fits width 1.0 only, this network has width {model.config.width}")
    file = VggFile(path)
    # all are read before the first is set: a bad file changes nothing
    loaded: dict[str, Weights] = {}
    for number, name in enumerate(LAYERS):
        cout, cin = getattr(model, name).conv.weight.shape[:2]
        loaded[name] = file.convolution(number, 3 if name == "conv1_1" else cin, cout)
    if model.config.conv6 == "7x7x4096":
        cout, cin = model.conv6.conv.weight.shape[:2]
        loaded["conv6"] = file.fc6(cin, cout)
    if file.npz:
        loaded["conv1_1"] = to_our_input(*loaded["conv1_1"])
    for name, (weight, bias) in loaded.items():
        conv = getattr(model, name).conv
        conv.weight[:, : weight.shape[1]].copy_(weight)
        conv.weight[:, weight.shape[1] :].zero_()
        conv.bias.copy_(bias)
