"""Ray itself: found, connected to, quiet; and its errors, of which people want the cause."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from dim_trt.errors import BackendUnavailable, Error

NEEDED = "pip install 'dim_trt[cluster]'"


def import_ray() -> Any:
    """The package, with Ray Data. Raises BackendUnavailable where it is not installed."""
    try:
        import ray
        import ray.data
    except ImportError as failure:
        raise BackendUnavailable(f"Ray is needed and cannot be imported ({failure}): {NEEDED}") from failure
    return ray


@contextlib.contextmanager
def connected(address: str | None, *, verbose: bool = False) -> Iterator[Any]:
    """Ray, connected for the block: to a cluster's address; None is the one that this machine belongs to, or else one
    that is started here and ends with the block. A connection that there was is used, and kept."""
    if not verbose:
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # of its makers
    ray = import_ray()
    if ray.is_initialized():
        with quiet(verbose):
            yield ray
        return
    level = logging.INFO if verbose else logging.ERROR
    logging.getLogger("ray").setLevel(level)
    try:
        with contextlib.nullcontext() if verbose else _mute():
            ray.init(address or None, include_dashboard=False, log_to_driver=verbose, logging_level=level)
    except Exception as failure:  # Ray raises that itself where a node does not start in time
        place = f"--ray {address}" if address else "--ray"
        raise Error(f"{place}: cannot connect to a cluster: {_first_line(failure)}") from failure
    try:
        with quiet(verbose):
            yield ray
    finally:
        ray.shutdown()


def resources_of(cores: int, has_gpu: bool) -> dict[str, int]:
    """Of a worker, as Ray takes them."""
    return {"num_cpus": cores, "num_gpus": 1 if has_gpu else 0}


def room_for(resources: Mapping[str, float]) -> int:
    """How many workers with `resources_of` the cluster has room for now, at least one: machines come and go."""
    import ray

    there, wanted = ray.cluster_resources(), {"CPU": resources["num_cpus"], "GPU": resources["num_gpus"]}
    return max(1, min(int(there.get(name, 0) // count) for name, count in wanted.items() if count))


@contextlib.contextmanager
def quiet(verbose: bool) -> Iterator[None]:
    """Without what Ray Data tells of its plans."""
    logger = logging.getLogger("ray.data")
    before = logger.level
    logger.setLevel(logging.INFO if verbose else logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextlib.contextmanager
def _mute() -> Iterator[None]:
    """Without what C++ code prints, such as which level of logs it was given."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


@contextlib.contextmanager
def causes() -> Iterator[None]:
    """Errors of workers are raised as what they are, not wrapped in Ray's; what Ray has to say is one line."""
    import ray.exceptions

    try:
        yield
    except ray.exceptions.RayError as failure:
        raise cause_of(failure) from failure


def cause_of(failure: BaseException) -> Error:
    """The Error of dim_trt that a worker raised, or one line of what Ray has to say."""
    seen: list[BaseException] = []
    at: BaseException | None = failure
    while at is not None and at not in seen:
        seen.append(at)
        inner = getattr(at, "cause", None)
        at = inner if isinstance(inner, BaseException) else at.__cause__
    own = [error for error in seen if isinstance(error, Error) and type(error).__module__.startswith("dim_trt.")]
    if own:
        return own[-1]
    return Error(f"Ray stopped the run: {type(failure).__name__}: {_first_line(failure)}")


def _first_line(failure: BaseException) -> str:
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    return lines[-1] if lines and lines[-1].count(":") and lines[0].startswith("\x1b") else (lines or ["no reason"])[0]
