"""NVIDIA's server, where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.triton.server import ServerMissingError, started


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Starts a server on a repository, and gives its address for gRPC."""
    pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install 'dim_trt[triton]'")
    with ExitStack() as stack:

        def start(repository: Path) -> str:
            try:
                return stack.enter_context(started(repository))
            except ServerMissingError as missing:
                pytest.skip(str(missing))

        yield start
