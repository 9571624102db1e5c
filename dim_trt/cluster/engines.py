"""What travels to the workers, and becomes an engine and a source of masks there."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dim_trt.cluster.runtime import resources_of
from dim_trt.engine import Engine
from dim_trt.errors import BackendUnavailable, InvalidInput
from dim_trt.files import StrPath, read_whole, write_atomic
from dim_trt.masks.automatic import Automatic
from dim_trt.masks.families import Normalization
from dim_trt.masks.opening import open_source, source_identity
from dim_trt.opencv import cv2
from dim_trt.plans.builder import SHIPPED, weights_digest
from dim_trt.plans.cache import shipped_plan
from dim_trt.plans.header import is_for_gpu, read_header
from dim_trt.resources import working_memory_mb
from dim_trt.version import __version__


@dataclass(frozen=True)
class CarriedFile:
    """A file of the driver's machine, which workers write to a place of their own for as long as they read it."""

    name: str
    data: Any  # a reference to bytes in Ray's object store
    digest: str

    @classmethod
    def of(cls, ray: Any, path: StrPath, argument: str) -> CarriedFile:
        try:
            data = read_whole(path)
        except OSError as failure:
            raise InvalidInput(f"{argument}: cannot read {str(path)!r}: {failure.strerror}") from failure
        return cls(Path(path).name, ray.put(data), hashlib.sha256(data).hexdigest())

    def write(self, folder: str) -> Path:
        import ray

        path = Path(folder, self.name)
        write_atomic(path, [ray.get(self.data)], what=self.name)
        return path


@dataclass(frozen=True)
class EngineSpec:
    """An engine for each worker.

    plan: None is the shipped model's, of this precision, which every machine builds once.
    threads: CPUs of a worker, and threads of its engine.
    has_gpu: whether each worker has a GPU to itself.
    """

    plan: CarriedFile | None = None
    precision: str = "fp32"
    threads: int = 1
    has_gpu: bool = False
    memory_limit_mb: int | None = None
    orientations: int = 1
    closed_form: bool = False
    color: str = "bgr"
    version: str = __version__

    @classmethod
    def of(cls, ray: Any, plan: StrPath | None, *, device: str = "auto", **options: Any) -> EngineSpec:
        """Raises PlanError and InvalidInput before anything is started."""
        if device not in ("auto", "cpu", "cuda"):
            raise InvalidInput(f"device: expected auto, cpu or cuda, as Ray chooses which GPU, got {device!r}")
        carried, has_gpu = None, device == "cuda"
        if plan is not None and plan != SHIPPED:
            has_gpu = is_for_gpu(plan)
            if device == ("cpu" if has_gpu else "cuda"):
                backend = read_header(plan)["backend"]
                raise InvalidInput(f"device: the plan is one of the {backend} backend, got {device!r}; leave it out")
            carried = CarriedFile.of(ray, plan, "plan")
        return cls(carried, has_gpu=has_gpu, **options)

    def identity(self) -> str:
        """What of the plan decides the bits of results."""
        return self.plan.digest if self.plan else f"{weights_digest(SHIPPED)}, {self.precision}"

    @property
    def resources(self) -> dict[str, Any]:
        """Of a worker, as Ray takes them."""
        return resources_of(self.threads, self.has_gpu)

    def open(self) -> Engine:
        """In a worker."""
        if self.version != __version__:
            raise BackendUnavailable(
                f"a worker has dim_trt {__version__}, the driver {self.version}: install one version on all machines"
            )
        cv2.setNumThreads(self.threads)
        device = "cuda" if self.has_gpu else "cpu"
        on_cpu: dict[str, Any] = {}
        if not self.has_gpu:
            limit = self.memory_limit_mb
            on_cpu = {
                "threads": self.threads,
                "memory_limit_mb": working_memory_mb(_workers_here(self.threads)) if limit is None else limit,
            }
        better = {"orientations": self.orientations, "closed_form": self.closed_form}
        options = {**better, "color": self.color, **on_cpu}
        if self.plan is None:
            return Engine(shipped_plan(self.precision, device), device, **options)
        with tempfile.TemporaryDirectory(prefix="dim_trt-") as folder:
            return Engine(self.plan.write(folder), device, **options)


@dataclass(frozen=True)
class AutoSpec:
    """A source of masks for each worker, see `masks.open_source`; `file`: its network, where it is one."""

    source: str
    file: CarriedFile | None = None
    size: tuple[int, int] | None = None
    normalization: Normalization | None = None
    largest: bool = False
    passes: int = 1

    @classmethod
    def of(cls, ray: Any, source: str, **options: Any) -> AutoSpec:
        """Raises InvalidInput where a file cannot be read."""
        file = CarriedFile.of(ray, source, "auto") if source.lower().endswith(".onnx") else None
        return cls(source, file, **options)

    def identity(self) -> str:
        """What of the source decides the bits of masks."""
        network = self.file.digest if self.file else source_identity(self.source)
        return f"{network}, {[self.size, self.normalization, self.largest, self.passes]}"

    def open(self) -> Automatic:
        """In a worker."""
        if self.file is None:
            source = open_source(self.source, size=self.size, normalization=self.normalization)
        else:
            with tempfile.TemporaryDirectory(prefix="dim_trt-") as folder:
                path = str(self.file.write(folder))
                source = open_source(path, size=self.size, normalization=self.normalization)
        return Automatic(source, self.largest, self.passes)


def _workers_here(cpus: int) -> int:
    """How many workers this machine may have."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    found = [node["Resources"].get("CPU", 1) for node in ray.nodes() if node["NodeID"] == here]
    return max(1, int(max(found, default=1) // cpus))
