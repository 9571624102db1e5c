"""Several processes that train one network: started by torchrun, they share sums; alone, nothing happens here."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


class ProcessLostError(Exception):
    """Another process of the run ended, or its machine cannot be reached; the message is a sentence."""


@dataclass(frozen=True)
class Processes:
    """This process's number and how many there are."""

    rank: int = 0
    count: int = 1

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place. Raises ProcessLostError."""
        if self.count > 1:
            _reduce(values, dist.ReduceOp.SUM)
        return values

    def agree(self, seconds: float, stop: int, device: torch.device) -> tuple[float, int]:
        """The first process's clock, and the signal that any of them was sent: all must stop after the same step.

        Raises ProcessLostError.
        """
        if self.count == 1:
            return seconds, stop
        said = torch.tensor([seconds if self.rank == 0 else -math.inf, stop], dtype=torch.float64, device=device)
        _reduce(said, dist.ReduceOp.MAX)
        return float(said[0]), int(said[1])

    def average_gradients(self, model: nn.Module) -> None:
        """Gradients, and running batch-norm statistics, become the mean over all processes, the same to the bit."""
        if self.count == 1:
            return
        tensors = [weight.grad for weight in model.parameters() if weight.grad is not None]
        trained = [module for module in model.modules() if module.training]  # what is frozen stays as it is
        tensors += [b for module in trained for b in module.buffers(recurse=False) if b.is_floating_point()]
        joined = self.sum(torch.cat([tensor.flatten() for tensor in tensors])) / self.count
        with torch.no_grad():
            for tensor, mean in zip(tensors, torch.split(joined, [tensor.numel() for tensor in tensors]), strict=True):
                tensor.copy_(mean.view_as(tensor))


def _reduce(values: Tensor, how: dist.ReduceOp.RedOpType) -> None:
    try:
        dist.all_reduce(values, how)
    except RuntimeError as failure:  # with what of network and addresses the library has to say, in lines of its own
        raise ProcessLostError("another process of the run ended, or its machine cannot be reached") from failure


def join(device: torch.device) -> Processes:
    """Meets the other processes that torchrun started: gloo on CPUs, nccl on GPUs (one each)."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Processes(dist.get_rank(), dist.get_world_size())


def leave(processes: Processes) -> None:
    if processes.count > 1:
        dist.destroy_process_group()
