"""The page and the service of `python -m dim_trt.serve` on Ray Serve: here, or on all machines of a Ray cluster.

    pip install 'dim_trt[opencv,serve,cluster]' 'ray[serve]'
    python examples/serve_on_ray.py --replicas 4

The application is the same. Each replica is a process with an engine and a core of its own, and Ray Serve shares the
requests out; a machine that goes away takes its replicas along, and others are started. What is painted on the page is
held by the replica that opened it: for the page keep one replica, the HTTP service takes any number.
"""

from __future__ import annotations

import argparse
import os

import ray
from ray import serve
from starlette.types import ASGIApp

import dim_trt
from dim_trt.serving.app import application
from dim_trt.serving.settings import Settings


def build() -> ASGIApp:
    """In a replica. DIM_TRT_TOKEN: what requests must show; DIM_TRT_NAMES: host names that it is reached by."""
    environ = os.environ
    settings = Settings(token=environ.get("DIM_TRT_TOKEN"), names=frozenset(environ.get("DIM_TRT_NAMES", "").split()))
    return application(dim_trt.Engine(environ.get("DIM_TRT_PLAN", "lite"), threads=1), settings)


def deployment(replicas: int) -> serve.Application:
    """For `serve.run`."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("DIM_TRT_")}
    options = {"num_cpus": 1, "runtime_env": {"env_vars": settings}}
    served = serve.deployment(serve.ingress(build)())
    return served.options(num_replicas=replicas, max_ongoing_requests=16, ray_actor_options=options).bind()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ray", metavar="ADDRESS", help="of a cluster; default: this machine's, or one started here")
    parser.add_argument("--replicas", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--port", type=int, default=8000, help="on this machine alone; default: %(default)s")
    args = parser.parse_args()
    ray.init(args.ray, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": args.port})
    serve.run(deployment(args.replicas), blocking=True)


if __name__ == "__main__":
    main()
