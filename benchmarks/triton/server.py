"""NVIDIA's server on this machine: that of PyTriton's wheel, or the program that TRITONSERVER names."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 120.0  # for a start, or an end


class ServerMissingError(Exception):
    """There is none, and the message says where one comes from."""


class ServerFailedError(Exception):
    """It ended before it was ready; the message is what it said of errors."""


@contextmanager
def started(repository: Path) -> Iterator[str]:
    """The address for gRPC of a server on a repository of models; raises ServerMissingError or ServerFailedError."""
    with tempfile.TemporaryDirectory(prefix="dim_trt-triton-") as name:
        command, environment = _command(Path(name))
        port, log = free_port(), Path(name, "server.log")
        command += ["--model-repository", str(repository), "--grpc-port", str(port), "--grpc-address", "127.0.0.1"]
        command += ["--allow-http", "false", "--allow-metrics", "false"]
        command += ["--backend-config", f"python,shm-region-prefix-name=dim_trt_{os.getpid()}_{port}"]
        with log.open("wb") as stream:
            server = subprocess.Popen(command, stdout=stream, stderr=stream, env={**os.environ, **environment})
        try:
            _wait_until_ready(f"127.0.0.1:{port}", server, log)
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(SECONDS)


def _command(folder: Path) -> tuple[list[str], dict[str, str]]:
    """With the Python backend for this Python; and what its environment needs."""
    if program := os.environ.get("TRITONSERVER"):
        return [program], {}
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise ServerMissingError("tritonserver is not here: pip install --no-deps nvidia-pytriton")
    package = Path(spec.origin).parent
    server, version = package / "tritonserver", f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.exists():
        raise ServerMissingError(f"PyTriton's server has no Python backend for Python {version}")
    shutil.copytree(server / "backends", folder / "backends")
    shutil.copy(stub, folder / "backends/python")
    for program_ in (folder / "backends/python/triton_python_backend_stub", server / "bin/tritonserver"):
        program_.chmod(0o755)
    libraries = package.parent / "nvidia_pytriton.libs"
    return [str(server / "bin/tritonserver"), "--backend-directory", str(folder / "backends")], {
        "LD_LIBRARY_PATH": f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # by which it finds the packages
    }


def _wait_until_ready(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    from tritonclient.grpc import InferenceServerClient, InferenceServerException

    end = time.monotonic() + SECONDS
    with InferenceServerClient(address) as client:
        while True:
            try:
                if client.is_server_ready():
                    return
            except InferenceServerException:
                pass
            if server.poll() is not None or time.monotonic() > end:
                lines = log.read_text(errors="replace").splitlines()
                raise ServerFailedError("\n".join(line for line in lines if re.search("[Ee]rror|[Ff]ailed", line)))
            time.sleep(0.1)


def free_port() -> int:
    """Of this machine, now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
