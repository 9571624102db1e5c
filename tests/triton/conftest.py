"""NVIDIA's server, from the wheel of PyTriton, or as TRITONSERVER names it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SECONDS = 120
NEEDED = "tritonserver is not here: pip install --no-deps nvidia-pytriton"


def server_command(folder: Path) -> tuple[list[str], dict[str, str]]:
    """The server with its Python backend for this Python, and what its environment needs. Skips where there is none."""
    if program := os.environ.get("TRITONSERVER"):
        return [program], {}
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        pytest.skip(NEEDED)
    package = Path(spec.origin).parent
    server, version = package / "tritonserver", f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.exists():
        pytest.skip(f"PyTriton has no Python backend for Python {version}")
    shutil.copytree(server / "backends", folder / "backends")
    shutil.copy(stub, folder / "backends/python")
    for program in (folder / "backends/python/triton_python_backend_stub", server / "bin/tritonserver"):
        program.chmod(0o755)
    libraries = package.parent / "nvidia_pytriton.libs"
    return [str(server / "bin/tritonserver"), "--backend-directory", str(folder / "backends")], {
        "LD_LIBRARY_PATH": f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # by which it finds the packages
    }


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Starts a server on a repository, and gives its address for gRPC."""
    running: list[subprocess.Popen[bytes]] = []

    def start(repository: Path) -> str:
        pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install 'dim_trt[triton]'")
        command, environment = server_command(tmp_path)
        port, log = free_port(), tmp_path / "server.log"
        command += ["--model-repository", str(repository), "--grpc-port", str(port), "--grpc-address", "127.0.0.1"]
        command += [
            "--allow-http",
            "false",
            "--allow-metrics",
            "false",
            "--backend-config",
            "python,shm-region-prefix-name=",
        ]
        command[-1] += f"dim_trt_{os.getpid()}_{port}"
        with log.open("wb") as stream:
            running.append(subprocess.Popen(command, stdout=stream, stderr=stream, env={**os.environ, **environment}))
        wait_until_ready(f"127.0.0.1:{port}", running[-1], log)
        return f"127.0.0.1:{port}"

    yield start
    for server in running:
        server.terminate()
        server.wait(SECONDS)


def wait_until_ready(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    from tritonclient.grpc import InferenceServerClient, InferenceServerException

    end = time.monotonic() + SECONDS
    with InferenceServerClient(address) as client:
        while True:
            try:
                if client.is_server_ready():
                    return
            except InferenceServerException:
                pass
            assert server.poll() is None, errors_of(log)
            assert time.monotonic() < end, errors_of(log)
            time.sleep(0.1)


def errors_of(log: Path) -> str:
    return "\n".join(line for line in log.read_text().splitlines() if re.search("[Ee]rror|[Ff]ailed", line))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
