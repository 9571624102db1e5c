"""What every loaded plan has, whatever its task: a device, a description, an end, and a way into another process."""

from __future__ import annotations

import functools
import json
import logging
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from dim_trt import _core
from dim_trt.engine_options import check_backend, core_options, plan_path
from dim_trt.errors import BackendUnavailable
from dim_trt.files import StrPath
from dim_trt.plans.builder import NAMES
from dim_trt.workers import closed

LOGGER = logging.getLogger("dim_trt")
DESCRIPTION = ("inputs", "outputs", "model", "preprocessing", "shapes", "producer", "source")  # in the header


class Core(Protocol):
    """The core's side of a loaded plan."""

    @property
    def header(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def isa(self) -> str: ...
    @property
    def layers(self) -> list[tuple[str, str]]: ...
    @property
    def gpu_name(self) -> str: ...


CoreT = TypeVar("CoreT", bound=Core)
LoadedT = TypeVar("LoadedT", bound="LoadedPlan[Any]")


class LoadedPlan(Generic[CoreT]):
    """`load` makes the core's side of it; `arguments` are those of the constructor beside the plan, by name."""

    def __init__(self, load: Callable[[str, _core.EngineOptions], CoreT], plan: StrPath, **arguments: Any):
        device = arguments["device"]
        self._path, self._process = plan_path(plan, device), os.getpid()
        is_named = plan in NAMES and self._path != plan  # it is found, or built, where this is unpickled
        # the working folder may change
        self._arguments = {"plan": plan if is_named else os.path.abspath(self._path), **arguments}  # noqa: PTH100
        options = core_options(**arguments)
        core = load(self._path, options)
        self._header: dict[str, Any] = json.loads(core.header)
        backend = self._header["backend"]
        only_of_one = ("threads", "memory_limit_mb", "tensorrt")
        check_backend(backend, **{name: arguments.get(name) for name in only_of_one})
        self._core: CoreT | None = core
        self._runs_on: dict[str, Any] = {
            "isa": core.isa or None,
            "gpu_name": core.gpu_name or None,
            "threads": core.threads,
            "layers": dict(core.layers) or None,
        }
        self._settings: dict[str, Any] = {"color": arguments["color"]}
        self._gpu = options.tensorrt.gpu
        self._device = "cpu" if backend == "cpu" else f"cuda:{self._gpu}"
        if device == "auto":
            LOGGER.info("device auto: %s, which the plan was built for", self._device)

    def __reduce__(self) -> tuple[Any, ...]:
        self._open_core()
        return functools.partial(type(self), **self._arguments), ()

    def close(self) -> None:
        """Lets go of the plan. What is called later raises InvalidInput."""
        self._core = None

    def __enter__(self: LoadedT) -> LoadedT:  # noqa: PYI019 (typing.Self came with Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def info(self) -> dict[str, Any]:
        """What runs, by name."""
        return {
            **{key: self._header[key] for key in ("task", "network", "backend")},
            "device": self._device,
            **{key: self._header[key] for key in ("precision", "weights")},
            **self._runs_on,
            **self._settings,
            **{key: self._header[key] for key in DESCRIPTION},
            "path": self._path,
        }

    def __repr__(self) -> str:
        info = self.info
        computes = "isa" if info["isa"] else "gpu_name"
        return (
            f"{type(self).__name__}({self._path!r}, device={info['device']!r}, precision={info['precision']!r}, "
            f"weights={info['weights']!r}, {computes}={info[computes]!r}, threads={info['threads']})"
        )

    def _open_core(self) -> CoreT:
        if (core := self._core) is None:
            raise closed()
        if self._device != "cpu" and os.getpid() != self._process:
            raise BackendUnavailable(
                "engine: expected to be used in the process that made it, as CUDA does not survive a fork; make the "
                "Engine in the child, which multiprocessing must start with 'spawn'"
            )
        return core
