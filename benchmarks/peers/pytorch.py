"""PyTorch: channels-last, as it comes, compiled, and in bf16.

Compiled it is fastest channels-last and not frozen (`lite`, 512x512: 228 ms, contiguous 240, frozen 268). It has one
number of threads for the whole process: that of what was prepared last.
"""

from __future__ import annotations

import functools
import importlib
import os
import shutil
from typing import Any, NamedTuple

from benchmarks.peers.peer import U8, Contender, Files, Peer, cropped, missing, network_input, without_bf16

PYTORCH, EAGER, COMPILED, BF16 = "pytorch", "pytorch-eager", "pytorch-compiled", "pytorch-bf16"
COMPILERS = ("c++", "g++", "clang++")


class Way(NamedTuple):
    """How the network is run."""

    title: str
    channels_last: bool = True
    compiled: bool = False
    bf16: bool = False


WAYS = {
    PYTORCH: Way("PyTorch, channels-last"),
    EAGER: Way("PyTorch, eager", channels_last=False),
    COMPILED: Way("PyTorch, compiled", compiled=True),
    BF16: Way("PyTorch, bf16", bf16=True),
}


def _why_not(way: Way) -> str | None:
    if (reason := missing("torch")) is not None:
        return reason
    if way.compiled and not any(shutil.which(os.environ.get("CXX", it)) for it in COMPILERS):
        return "torch.compile needs a C++ compiler"
    return without_bf16() if way.bf16 else None


def _load(name: str, way: Way, files: Files, threads: int) -> Contender:
    torch: Any = importlib.import_module("torch")
    checkpoints: Any = importlib.import_module("training.checkpoints")
    torch.set_num_threads(threads)
    layout = torch.channels_last if way.channels_last else torch.contiguous_format
    dtype = torch.bfloat16 if way.bf16 else torch.float32
    model = checkpoints.load_model(files.checkpoint).to(dtype=dtype, memory_format=layout)
    if way.compiled:
        model = torch.compile(model)

    def prepare(img: U8, trimap: U8) -> Any:
        if torch.get_num_threads() != threads:  # another one was loaded, or this is another thread
            torch.set_num_threads(threads)
        return torch.from_numpy(network_input(img, trimap)).to(dtype=dtype, memory_format=layout)

    def compute(x: Any) -> Any:
        with torch.inference_mode():
            return model(x)

    return Contender(name, prepare, compute, lambda y, trimap: cropped(y.float().numpy(), trimap))


PEERS = tuple(
    Peer(
        name=name,
        title=way.title,
        package="torch",
        precision="bf16" if way.bf16 else "fp32",
        why_not=functools.partial(_why_not, way),
        load=functools.partial(_load, name, way),
    )
    for name, way in WAYS.items()
)
