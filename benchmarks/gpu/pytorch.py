"""The peers: the same network in PyTorch on the same machine, in a process for each model that `benchmarks.gpu` starts.

Two clocks: "network", from the preprocessed tensor to alpha, both in GPU memory; "run", from numpy picture and trimap
to numpy alpha, with pre- and postprocessing on the GPU. TF32 is off for fp32.
"""

from __future__ import annotations

import copy
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
from training.data.preprocess import PREPROCESSING, TRIMAP_SCALE

PLAIN = "pytorch eager"
# The fast ones first, fp32 last.
PEERS = (
    "pytorch eager fp16 channels-last",
    "pytorch compiled fp16 channels-last",
    "pytorch eager bf16 channels-last",
    PLAIN,
)
DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def precision_of(name: str) -> str:
    return next((precision for precision in DTYPES if precision in name), "fp32")


class Peer:
    """One way of running the network. Sizes are compiled one by one, as TensorRT tunes for one."""

    def __init__(self, name: str, model: nn.Module):
        """model: in fp32; it stays as it is."""
        self.name, self.device = name, DEVICE
        self.dtype = DTYPES[precision_of(name)]
        self.memory = torch.channels_last if "channels-last" in name else torch.contiguous_format
        network = copy.deepcopy(model).to(self.device, self.dtype)
        self.network: nn.Module = network.to(memory_format=self.memory)  # type: ignore[call-overload]
        if "compiled" in name:
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
        fourth = torch.where(unknown, 128, marks).float() * TRIMAP_SCALE
        planes = torch.cat([colors, fourth[None]])[None]
        stride = PREPROCESSING.stride
        padded = nn.functional.pad(planes, (0, -width % stride, 0, -height % stride), "reflect")
        alpha = self.network(self.tensor(padded))[0, 0, :height, :width].float().clamp(0, 1)
        return torch.where(unknown, alpha, (marks == 255).float()).cpu().numpy()


class Worker:
    """All peers of one model, which is loaded once."""

    def __init__(self, settings: GpuSetup, model: str):
        self.settings, self.name = settings, model
        self.model = load_model(model)
        self.plain = Peer(PLAIN, self.model)

    def work(self) -> None:
        for name in PEERS:
            Timings(self, name).time_sizes()


class Timings:
    def __init__(self, worker: Worker, name: str):
        self.worker, self.settings, self.name = worker, worker.settings, name
        about = About(peer=name, model=worker.name, precision=precision_of(name))
        self.steps = Steps(self.settings, about)

    def time_sizes(self) -> None:
        for size in self.settings.largest_first():
            self.steps.do(f"{size[1]}x{size[0]}", functools.partial(self.time_size, size))

    @functools.cached_property
    def peer(self) -> Peer:
        return Peer(self.name, self.worker.model)

    def time_size(self, size: Sides) -> None:
        if self.settings.rehearsal and "compiled" in self.name:
            raise NotHereError("compiling for the CPU takes minutes and shows nothing of a GPU")
        picture = stripe(*size, 1.0)
        x = tensor_of(picture.img, picture.trimap)
        device_x = self.peer.tensor(x)
        difference = self.difference(device_x, x, size)
        self.time(size, "network", lambda: self.peer.alpha(device_x), difference)
        self.time(size, "run", lambda: self.peer.run(picture.img, picture.trimap), difference)

    def difference(self, device_x: Tensor, x: Tensor, size: Sides) -> float:
        """Mean difference of alpha from eager fp32 on the same device."""
        plain = self.worker.plain
        both = ((self.peer, device_x), (plain, plain.tensor(x)))
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
    Worker(GpuSetup.read(sys.argv[1]), sys.argv[2]).work()
