"""The peer: the same network in PyTorch on the same machine, in a process of its own that `benchmarks.gpu` starts.

Two clocks: "network", from the preprocessed tensor to alpha, both in GPU memory; "run", from numpy picture and trimap
to numpy alpha, with pre- and postprocessing on the GPU. TF32 is off for fp32.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.gpu.models import load_model, tensor_of
from benchmarks.gpu.records import About, GpuLatency, Sides
from benchmarks.gpu.session import GpuSetup, NotHereError, Steps
from benchmarks.gpu.timing import clocked, sample
from benchmarks.measure import summary
from benchmarks.pictures import stripe
from training.data.preprocess import PREPROCESSING

PEERS = ("pytorch eager", "pytorch eager fp16 channels-last", "pytorch compiled fp16 channels-last")


class Peer:
    """One way of running the network. Sizes are compiled one by one, as TensorRT tunes for one."""

    def __init__(self, name: str, model: str):
        self.name = name
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.half, self.compiled = "fp16" in name, "compiled" in name
        self.dtype = torch.float16 if self.half else torch.float32
        self.memory = torch.channels_last if self.half else torch.contiguous_format
        network = load_model(model).to(self.device, self.dtype)
        self.network: nn.Module = network.to(memory_format=self.memory)  # type: ignore[call-overload]
        if self.compiled:
            self.network = torch.compile(self.network, dynamic=False)  # type: ignore[assignment]
        constants = [torch.tensor(values, device=self.device) for values in (PREPROCESSING.mean, PREPROCESSING.std)]
        self.mean, self.std = (values.view(3, 1, 1) for values in constants)

    def tensor(self, x: Tensor) -> Tensor:
        return x.to(self.device, self.dtype).contiguous(memory_format=self.memory)

    def wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    @torch.inference_mode()
    def alpha(self, x: Tensor) -> Tensor:
        result: Tensor = self.network(x)
        self.wait()
        return result

    @torch.inference_mode()
    def run(self, img: Any, trimap: Any) -> Any:
        """numpy to numpy."""
        image, marks = (torch.from_numpy(array).to(self.device) for array in (img, trimap))
        height, width = marks.shape
        unknown = (marks != 0) & (marks != 255)
        colors = (image.permute(2, 0, 1).float() - self.mean) / self.std
        fourth = torch.where(unknown, 128, marks).float() * PREPROCESSING.trimap_scale
        planes = torch.cat([colors, fourth[None]])[None]
        stride = PREPROCESSING.stride
        padded = nn.functional.pad(planes, (0, -width % stride, 0, -height % stride), "reflect")
        alpha = self.network(self.tensor(padded))[0, 0, :height, :width].float().clamp(0, 1)
        return torch.where(unknown, alpha, (marks == 255).float()).cpu().numpy()


class Worker:
    def __init__(self, settings: GpuSetup, model: str, name: str):
        self.settings, self.model, self.name = settings, model, name
        precision = "fp16" if "fp16" in name else "fp32"
        self.steps = Steps(settings, About(peer=name, model=model, precision=precision))

    def work(self) -> None:
        for size in self.settings.largest_first():
            self.steps.do(f"{size[1]}x{size[0]}", functools.partial(self.time_size, size))

    def time_size(self, size: Sides) -> None:
        if self.settings.dry_run and "compiled" in self.name:
            raise NotHereError("compiling for the CPU takes minutes and shows nothing of a GPU")
        peer = Peer(self.name, self.model)
        picture = stripe(*size, 1.0)
        x = tensor_of(picture.img, picture.trimap)
        device_x = peer.tensor(x)
        difference = self.difference(peer, device_x, x, size)
        self.time(size, "network", lambda: peer.alpha(device_x), difference)
        self.time(size, "run", lambda: peer.run(picture.img, picture.trimap), difference)

    def difference(self, peer: Peer, device_x: Tensor, x: Tensor, size: Sides) -> float:
        """Mean difference of alpha from eager fp32 on the same device."""
        plain = Peer(PEERS[0], self.model)
        both = ((peer, device_x), (plain, plain.tensor(x)))
        ours, expected = (one.alpha(tensor)[0, 0, : size[0], : size[1]].float().cpu().numpy() for one, tensor in both)
        return float(np.abs(ours - expected).mean(dtype=np.float64))

    def time(self, size: Sides, clock: str, run: Callable[[], Any], difference: float) -> None:
        record = GpuLatency(
            about=self.steps.about,
            height=size[0],
            width=size[1],
            unknown_fraction=1.0,
            clock=clock,
            mean_abs_difference=difference,
            times=summary(sample(clocked(run), self.settings.seconds)),
            made=self.steps.made,
        )
        self.steps.records.add(record)


if __name__ == "__main__":
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.benchmark = True  # as TensorRT does, choose the fastest kernels by trying
    Worker(GpuSetup.read(sys.argv[1]), sys.argv[2], sys.argv[3]).work()
