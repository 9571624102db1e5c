"""What is counted, for Prometheus."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from dim_trt.serving.refusals import Refusal

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STAGES = ("wait", "read", "mask", "run", "render")


class Metrics:
    """Of one service: a registry of its own, so that several may live in a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("dim_trt_requests", "Requests answered.", ["path", "status"], registry=self.registry)
        self.refusals = Counter("dim_trt_refusals", "Requests refused, by why.", ["reason"], registry=self.registry)
        self._seconds = Histogram(
            "dim_trt_stage_seconds", "Of a request's stages.", ["stage"], registry=self.registry, buckets=SECONDS
        )
        self.queue = Gauge("dim_trt_queue", "Requests that wait or are computed.", registry=self.registry)
        self.pictures = Gauge("dim_trt_pictures", "Pictures held to be painted on.", registry=self.registry)
        for stage in STAGES:
            self._seconds.labels(stage)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """The block is this stage of a request."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.observe(name, time.perf_counter() - started)

    def observe(self, stage: str, seconds: float) -> None:
        self._seconds.labels(stage).observe(seconds)

    def refused(self, refusal: Refusal) -> Refusal:
        """Counts it."""
        self.refusals.labels(refusal.counted).inc()
        return refusal

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self.registry)
