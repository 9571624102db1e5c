"""A plan's timings. Three clocks are kept apart:

"network": the step of that name in Engine.profile. "gpu arrays": Engine.run on arrays in GPU memory, without copies.
"run": Engine.run from numpy to numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from benchmarks.gpu_session import NotHereError, Sides, Steps
from benchmarks.gpu_timing import clocked, sample, statistics, throughput
from benchmarks.latency import picture
from dim_trt import Engine, _core
from dim_trt.capabilities import tensorrt_folders

DENSE, BAND = 1.0, 0.2  # unknown rows
IN_FLIGHT = (1, 2, 4)


class Runs(Protocol):
    """An engine, of the package or of its core."""

    def run(self, img: Any, trimap: Any, out: Any = None) -> Any: ...
    def profile(self, img: Any, trimap: Any) -> list[tuple[str, float]]: ...


class Timings:
    def __init__(self, steps: Steps, plan: Path):
        self.steps, self.settings = steps, steps.settings
        self.plan = plan

    def time_sizes(self) -> None:
        engine = Engine(self.plan, color="rgb")
        for size in self.settings.largest_first():
            self.time_dense(engine, size)
        for size in self.settings.largest_first():
            self.time_band(engine, size)
        del engine  # its GPU memory, before there is a second one
        for size in self.settings.largest_first():
            self.steps.do(f"{_name(size)} band without region", partial(self.time_without_region, size))

    def time_dense(self, engine: Engine, size: Sides) -> None:
        img, trimap = picture(*size, DENSE)
        clocks = {"network": network_ms, "run": run_ms, "gpu arrays": gpu_arrays_ms}
        for clock, make in clocks.items():
            self.steps.do(
                f"{_name(size)} {clock}", partial(self.time, partial(make, engine, img, trimap), size, DENSE, clock)
            )
        for count in IN_FLIGHT:
            self.steps.do(f"{_name(size)} {count} in flight", partial(self.flow, engine, img, trimap, count))

    def time_band(self, engine: Engine, size: Sides) -> None:
        img, trimap = picture(*size, BAND)
        for clock, make in (("network", network_ms), ("run", run_ms)):
            self.steps.do(
                f"{_name(size)} band {clock}",
                partial(self.time, partial(make, engine, img, trimap), size, BAND, clock),
            )

    def time_without_region(self, size: Sides) -> None:
        """The whole picture is computed, though only a band of it is unknown."""
        if self.settings.dry_run:
            raise NotHereError("the cpu backend always computes the region only")
        engine = _core.Engine(
            str(self.plan), color="rgb", region=False, tensorrt_folders=tensorrt_folders(), backend="tensorrt"
        )
        self.time(partial(run_ms, engine, *picture(*size, BAND)), size, BAND, "run", region=False)

    def time(
        self, make: Callable[[], Callable[[], float]], size: Sides, unknown: float, clock: str, region: bool = True
    ) -> None:
        figures = statistics(sample(make(), self.settings.seconds, self.settings.warmup_s))
        sides = {"height": size[0], "width": size[1], "unknown_fraction": unknown}
        self.steps.add("latency", **sides, clock=clock, region=region, **figures)

    def flow(self, engine: Engine, img: Any, trimap: Any, in_flight: int) -> None:
        figures = throughput(engine, img, trimap, in_flight, self.settings.seconds)
        height, width = trimap.shape
        self.steps.add("throughput", height=height, width=width, unknown_fraction=DENSE, **figures)


def run_ms(engine: Runs, img: Any, trimap: Any) -> Callable[[], float]:
    return clocked(lambda: engine.run(img, trimap))


def network_ms(engine: Runs, img: Any, trimap: Any) -> Callable[[], float]:
    """The time of the network alone; the cpu backend's steps are its layers, so there it is the sum of all."""
    names = {name for name, _ in engine.profile(img, trimap)}
    wanted = {"network"} if "network" in names else names
    return lambda: sum(ms for name, ms in engine.profile(img, trimap) if name in wanted)


def gpu_arrays_ms(engine: Runs, img: Any, trimap: Any) -> Callable[[], float]:
    """A run on PyTorch's tensors in GPU memory, until alpha is there."""
    import torch

    if not torch.cuda.is_available():
        raise NotHereError("PyTorch has no CUDA here")
    gpu_img, gpu_trimap = (torch.from_numpy(array).cuda() for array in (img, trimap))
    alpha = torch.empty(trimap.shape, dtype=torch.float32, device="cuda")

    def run() -> None:
        engine.run(gpu_img, gpu_trimap, out=alpha)
        torch.cuda.synchronize()

    return clocked(run)


def _name(size: Sides) -> str:
    return f"{size[0]}x{size[1]}"
