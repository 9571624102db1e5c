"""The page and the service of `python -m dim_trt.serve` on a Ray cluster, by Ray Serve.

    pip install 'dim_trt[opencv,serve,cluster]' 'ray[serve]'
    serve run examples.serve_on_ray:app

The application is the same; each replica has an engine of its own, and Ray Serve shares the requests out. What is
painted on a page is held by the replica that opened it, so for the page keep one replica; for the HTTP service take as
many as there are cores, with one thread each:

    serve run examples.serve_on_ray:service replicas=8

Requests must be for a name of the service: DIM_TRT_NAMES lists those that it is reached by beside loopback.
DIM_TRT_TOKEN is what they must show.
"""

from __future__ import annotations

import os

from ray import serve
from starlette.types import ASGIApp

import dim_trt
from dim_trt.serving.app import application
from dim_trt.serving.settings import Settings


def build() -> ASGIApp:
    """In the replica: an engine with as many threads as the replica has cores."""
    names = frozenset(os.environ.get("DIM_TRT_NAMES", "").split())
    settings = Settings(token=os.environ.get("DIM_TRT_TOKEN"), names=names)
    return application(dim_trt.Engine(os.environ.get("DIM_TRT_PLAN", "lite"), threads=1), settings)


@serve.deployment(ray_actor_options={"num_cpus": 1}, max_ongoing_requests=16)
@serve.ingress(build)
class Matting:
    """`application` as it is."""


def service(args: dict[str, str]) -> serve.Application:
    """For `serve run examples.serve_on_ray:service replicas=N`."""
    return Matting.options(num_replicas=int(args.get("replicas", "1"))).bind()


app = Matting.bind()
