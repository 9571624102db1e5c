"""Pieces of work that take minutes, each with cores of its own: clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError

from dim_trt.cluster.runtime import cause_of, room_for
from dim_trt.errors import Error

Job = TypeVar("Job")
RETRIES = 2  # of one whose worker or machine ended


def run_all(
    work: Callable[[Job], str], jobs: Mapping[str, Job], resources: Mapping[str, Any]
) -> Iterator[tuple[str, Error | None]]:
    """Do each job in a process of its own, as many at a time as the cluster has room for.

    Args:
        work: raises Error where a job cannot be done.
        jobs: by name.
        resources: of each, as Ray takes them.

    Yields:
        (name, error), as they are done; one that fails ends no other.
    """
    remote = ray.remote(max_retries=RETRIES, max_calls=1, **resources)(work)
    waiting = iter(jobs.items())
    under_way: dict[Any, str] = {}
    try:
        while True:
            while len(under_way) < 2 * room_for(resources) and (job := next(waiting, None)):
                under_way[remote.remote(job[1])] = job[0]
            if not under_way:
                return
            (done,), _ = ray.wait(list(under_way))
            try:
                ray.get(done)
                error = None
            except RayError as failure:
                error = cause_of(failure)
            yield under_way.pop(done), error
    finally:
        for reference in under_way:
            ray.cancel(reference)
