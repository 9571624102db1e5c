"""Starts the jobs, one after the other, as long as there is time; each leaves a record, whatever becomes of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import dim_trt
from benchmarks.gpu.jobs import SANITIZER, Job
from benchmarks.gpu.records import About, Check, Failed, Skipped
from benchmarks.gpu.session import GpuSetup, Records
from dim_trt.capabilities import tensorrt_reason

ROOT = Path(__file__).parents[2]
GRACE_S = 10.0  # a process gets this much longer to end by itself
LEAST_LIMIT_S, OVERRUN = 60.0, 3.0  # one that hangs must not take the time of all others
NO_GPU = 77  # exit code of dim_cuda_check
TESTS = "graphs or alternating or alpha_is or callers_stream"
MODULES = {"models": "benchmarks.gpu.models", "peers": "benchmarks.gpu.pytorch", "plans": "benchmarks.gpu.plans"}


def lack(job: Job, rehearsal: bool = False) -> str:
    """What this machine lacks for the job; empty where it lacks nothing."""
    cuda: str = dim_trt.capabilities()["cuda"]["reason"]
    if job.stage == "kernels" or job.name == SANITIZER:
        if cuda_check() is None:
            return "dim_cuda_check is not in build/: built without nvcc"
        if job.name == SANITIZER and shutil.which("compute-sanitizer") is None:
            return "compute-sanitizer is not installed"
        return cuda
    if job.model and find_spec("torch") is None:
        return "PyTorch is not installed"
    if job.stage == "models" or (rehearsal and job.stage != "tests"):
        return ""
    return cuda if job.stage == "peers" else tensorrt_reason(to_build=True)


def cuda_check() -> Path | None:
    """The newest dim_cuda_check that was built."""
    programs = sorted(ROOT.glob("build/*/dim_cuda_check"), key=lambda path: path.stat().st_mtime)
    return programs[-1] if programs else None


class Processes:
    def __init__(self, settings: GpuSetup, records: Records):
        self.settings, self.records = settings, records
        self.settings_file = str(settings.write())
        self.log = Path(settings.out) / "log.txt"

    def perform(self, job: Job) -> None:
        if missing := lack(job, self.settings.rehearsal):
            self.skip(job.name, missing)
        elif self.settings.left_s() < job.seconds:
            self.skip(job.name, f"{max(0.0, self.settings.left_s()):.0f} s are left, it takes about {job.seconds:.0f}")
        elif job.stage == "models":
            self.prepare(job)
        elif job.stage == "peers":
            self.start(job, self.command(job, job.model))
        elif job.stage == "plans":
            self.prepare(Job("models", f"{job.model} model", job.seconds))
            self.start(job, self.command(job, *job.name.split()))
        else:
            self.check(job)

    def prepare(self, job: Job) -> None:
        """The ONNX file and PyTorch's answers, unless a former job or run has made them."""
        if not all(self.settings.file(f"{job.model}.{end}").exists() for end in ("onnx", "npz")):
            self.start(job, self.command(job, job.model))

    def command(self, job: Job, *arguments: str) -> list[str]:
        return [sys.executable, "-m", MODULES[job.stage], self.settings_file, *arguments]

    def skip(self, step: str, reason: str) -> None:
        self.records.add(Skipped(about=About(), step=step, reason=reason))

    def start(self, job: Job, command: Sequence[str]) -> None:
        code = self.wait(job, command)
        if code not in (0, None):
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            reason = f"its process {how}; log.txt has what it said"
            self.records.add(Failed(about=About(), step=job.name, reason=reason))

    def wait(self, job: Job, command: Sequence[str], output: Path | None = None) -> int | None:
        """The exit code; None where it took too long, which is noted. `output`: a file for what it prints."""
        limit_s = min(self.settings.left_s() + GRACE_S, max(LEAST_LIMIT_S, OVERRUN * job.seconds))
        print(f"== {job.name}, {self.settings.left_s():.0f} s left", flush=True)
        with self.log.open("a") as log:
            print(f"== {job.name}", file=log, flush=True)
            stdout = None if output is None else output.open("w")
            try:
                done = subprocess.run(
                    command, cwd=ROOT, stdout=stdout, stderr=stdout or log, check=False, timeout=limit_s
                )
            except subprocess.TimeoutExpired:
                self.skip(f"{job.name}, the rest", f"it was ended after {limit_s:.0f} s")
                return None
            finally:
                if stdout:
                    stdout.close()
        return done.returncode

    def check(self, job: Job) -> None:
        """A program that says by itself what is right: its exit code and its report are kept."""
        out, begin = Path(self.settings.out), time.perf_counter()
        report, output, command = self.check_command(job, out)
        code = self.wait(job, command, out / output)
        if code == NO_GPU:
            self.skip(job.name, "there is no GPU to use")
        elif code is not None:
            seconds = round(time.perf_counter() - begin, 2)
            self.records.add(Check(step=job.name, exit_code=code, seconds=seconds, report=report, output=output))

    def check_command(self, job: Job, out: Path) -> tuple[str, str, list[str]]:
        """(its report, what it prints, the command); sanitizers report nothing but what they print."""
        program = str(cuda_check())
        if job.stage == "kernels":
            report = "cuda_check.json"
            return report, "cuda_check.txt", [program, "--time", "--json", str(out / report)]
        if job.name == SANITIZER:
            return "sanitizer.txt", "sanitizer.txt", ["compute-sanitizer", "--error-exitcode", "1", program]
        report = "tests.xml"
        pytest = [sys.executable, "-m", "pytest", "-W", "ignore", "-p", "no:cacheprovider", "tests/on_gpu"]
        return report, "tests.txt", [*pytest, "-k", TESTS, f"--junitxml={out / report}"]
