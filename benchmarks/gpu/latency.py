"""A plan's timings. Three clocks are kept apart:

"network": the step of that name in Engine.profile. "gpu arrays": Engine.run on arrays in GPU memory, without copies.
"run": Engine.run from numpy to numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.gpu.records import GpuLatency, GpuThroughput, Sides
from benchmarks.gpu.session import NotHereError, Steps
from benchmarks.gpu.timing import clocked, sample, throughput
from benchmarks.measure import summary
from benchmarks.pictures import Picture, stripe, thin_band
from dim_trt import Engine
from dim_trt.engine_options import TensorRtRun

DENSE, BAND = 1.0, 0.05  # unknown
IN_FLIGHT = (2, 4)


class Timings:
    def __init__(self, steps: Steps, plan: Path):
        self.steps, self.settings = steps, steps.settings
        self.plan = plan

    def time_sizes(self) -> None:
        sizes = self.settings.largest_first()
        with Engine(self.plan, color="rgb", max_concurrent=1) as engine:
            for size in sizes:
                self.time_dense(engine, size)
            for size in sizes:
                self.time_band(engine, size)
        with Engine(self.plan, color="rgb") as engine:
            for size in sizes:
                self.time_flow(engine, size)
        self.steps.do("band without region", partial(self.time_without_region, sizes))

    def time_dense(self, engine: Engine, size: Sides) -> None:
        picture = stripe(*size, DENSE)
        clocks = {"network": network_ms, "run": run_ms, "gpu arrays": gpu_arrays_ms}
        for clock, make in clocks.items():
            self.steps.do(
                f"{_name(size)} {clock}", partial(self.time, partial(make, engine, picture), size, DENSE, clock)
            )

    def time_flow(self, engine: Engine, size: Sides) -> None:
        for count in IN_FLIGHT:
            step = f"{_name(size)} {count} in flight"
            self.steps.do(step, partial(self.flow, engine, stripe(*size, DENSE), count))

    def time_band(self, engine: Engine, size: Sides) -> None:
        picture = thin_band(*size, BAND)
        for clock, make in (("network", network_ms), ("run", run_ms)):
            self.steps.do(
                f"{_name(size)} band {clock}",
                partial(self.time, partial(make, engine, picture), size, BAND, clock),
            )

    def time_without_region(self, sizes: Sequence[Sides]) -> None:
        """The whole picture is computed, though only a band of it is unknown."""
        if self.settings.rehearsal:
            raise NotHereError("the cpu backend always computes the region only")
        with Engine(self.plan, color="rgb", max_concurrent=1, tensorrt=TensorRtRun(crop=False)) as engine:
            for size in sizes:
                timed = partial(
                    self.time, partial(run_ms, engine, thin_band(*size, BAND)), size, BAND, "run", region=False
                )
                self.steps.do(f"{_name(size)} band without region", timed)

    def time(
        self, make: Callable[[], Callable[[], float]], size: Sides, unknown: float, clock: str, region: bool = True
    ) -> None:
        record = GpuLatency(
            about=self.steps.about,
            height=size[0],
            width=size[1],
            unknown_fraction=unknown,
            clock=clock,
            region=region,
            times=summary(sample(make(), self.settings.seconds)),
            made=self.steps.made,
        )
        self.steps.records.add(record)

    def flow(self, engine: Engine, picture: Picture, in_flight: int) -> None:
        runs, per_s = throughput(engine, picture, in_flight, self.settings.seconds)
        height, width = picture.trimap.shape
        record = GpuThroughput(
            about=self.steps.about,
            height=height,
            width=width,
            unknown_fraction=DENSE,
            in_flight=in_flight,
            runs=runs,
            throughput_per_s=per_s,
            made=self.steps.made,
        )
        self.steps.records.add(record)


def run_ms(engine: Engine, picture: Picture) -> Callable[[], float]:
    return clocked(lambda: engine.run(picture.img, picture.trimap))


def network_ms(engine: Engine, picture: Picture) -> Callable[[], float]:
    """The time of the network alone; the cpu backend's steps are its layers, so there it is the sum of all."""
    names = {name for name, _ in engine.profile(picture.img, picture.trimap)}
    wanted = {"network"} if "network" in names else names
    return lambda: sum(ms for name, ms in engine.profile(picture.img, picture.trimap) if name in wanted)


def gpu_arrays_ms(engine: Engine, picture: Picture) -> Callable[[], float]:
    """A run on PyTorch's tensors in GPU memory, until alpha is there."""
    import torch

    if not torch.cuda.is_available():
        raise NotHereError("PyTorch has no CUDA here")
    gpu_img, gpu_trimap = (torch.from_numpy(array).cuda() for array in (picture.img, picture.trimap))
    alpha = torch.empty(picture.trimap.shape, dtype=torch.float32, device="cuda")

    def run() -> None:
        engine.run(gpu_img, gpu_trimap, out=alpha)
        torch.cuda.synchronize()

    return clocked(run)


def _name(size: Sides) -> str:
    return f"{size[1]}x{size[0]}"
