"""What the processes of one GPU benchmark share: settings, records, steps that may fail, facts about the machine."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import dim_trt
from benchmarks import measure
from benchmarks.gpu.records import (
    About,
    Failed,
    GpuMachine,
    GpuManifest,
    GpuRecord,
    Session,
    Sides,
    Skipped,
    from_object,
    to_object,
)
from benchmarks.json_fields import to_json
from benchmarks.provenance import Source
from dim_trt.files import write_atomic

CLOCKS = ("driver_version", "clocks.sm", "clocks.max.sm", "clocks.mem", "power.limit", "temperature.gpu")


@dataclass(frozen=True)
class Combination:
    """One plan: the network, its precision, and how it unpools."""

    model: str
    precision: str
    unpool: str

    def __str__(self) -> str:
        return f"{self.model} {self.precision} {self.unpool}"


@dataclass(frozen=True)
class GpuSetup:
    """Of one run of the benchmark; a file carries them to the processes that it starts.

    out: folder for the results and the timing cache. work: folder for ONNX files and plans.
    deadline: seconds since the epoch. rehearsal: the cpu backend in place of tensorrt, and `seconds` is 0.
    """

    out: str
    work: str
    seconds: float
    sizes: list[Sides]
    deadline: float
    rehearsal: bool
    commit: str

    @property
    def backend(self) -> str:
        return "cpu" if self.rehearsal else "tensorrt"

    def left_s(self) -> float:
        return self.deadline - time.time()

    def largest_first(self) -> list[Sides]:
        """The sizes, from that which the plans are tuned for down."""
        return sorted(self.sizes, key=lambda size: -size[0] * size[1])

    def file(self, name: str) -> Path:
        return Path(self.work) / name

    def write(self) -> Path:
        path = self.file("settings.json")
        write_atomic(path, [json.dumps(asdict(self)).encode()], what="settings")
        return path

    @classmethod
    def read(cls, path: str) -> GpuSetup:
        fields = json.loads(Path(path).read_text())
        return cls(**{**fields, "sizes": [(height, width) for height, width in fields["sizes"]]})


def read_records(path: Path) -> list[GpuRecord]:
    """Those of a file of one JSON object a line, but for a line that its process was killed while it wrote."""
    found = []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else (), 1):
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        found.append(from_object(fields, f"{path.name}, record {number}"))
    return found


class Records:
    """Results, one JSON object a line, each on disk before the next is measured: a run that is killed keeps them."""

    def __init__(self, settings: GpuSetup):
        self.settings = settings
        self.path = Path(settings.out) / "records.jsonl"

    def add(self, record: GpuRecord) -> None:
        fields = to_object(replace(record, rehearsal=self.settings.rehearsal))
        before = b"\n" if self._is_cut() else b""
        with self.path.open("ab", buffering=0) as stream:  # one write: two processes do not mix their lines
            stream.write(before + json.dumps(fields).encode() + b"\n")
            os.fsync(stream.fileno())
        print(_line(fields), flush=True)

    def read(self) -> list[GpuRecord]:
        return read_records(self.path)

    def _is_cut(self) -> bool:
        """Whether a process was killed while it wrote the last line."""
        written = self.path.read_bytes() if self.path.exists() else b""
        return not (written.endswith(b"\n") or written == b"")

    def collect(self) -> list[GpuRecord]:
        """All of them, also written as one JSON list beside the lines."""
        records = self.read()
        text = json.dumps([to_object(record) for record in records], indent=1) + "\n"
        write_atomic(self.path.with_name("gpu.json"), [text.encode()], what="results")
        return records


class NotHereError(Exception):
    """What this machine cannot measure, and why."""


class Steps:
    """The steps of one process, as long as there is time: none that fails ends the others, and all leave a record."""

    def __init__(self, settings: GpuSetup, about: About):
        self.settings, self.about = settings, about
        self.records = Records(settings)
        self.made = manifest(settings.commit)

    def do(self, step: str, work: Callable[[], Any]) -> bool:
        """Whether `work` was done."""
        if self.settings.left_s() <= 0:
            self.records.add(Skipped(about=self.about, step=step, reason="the time budget is used up"))
            return False
        try:
            work()
        except NotHereError as reason:
            self.records.add(Skipped(about=self.about, step=step, reason=str(reason)))
        except Exception as failure:  # whatever it is
            said = f"{type(failure).__name__}: {failure}"
            self.records.add(Failed(about=self.about, step=step, reason=said))
        else:
            return True
        return False


def _line(record: dict[str, Any]) -> str:
    """A record, short, for who watches."""
    skip = {"kind", "engine", "rehearsal", "versions", "machine", "layer_types", "tensorrt", "pictures", "capabilities"}
    return f"{record['kind']}: " + ", ".join(f"{key} {value}" for key, value in record.items() if key not in skip)


def manifest(commit: str) -> GpuManifest:
    """What is measured and on what, for every record. `commit`: where git cannot tell."""
    there = measure.manifest()
    able = dim_trt.capabilities()
    devices = able["cuda"]["devices"]
    gpu = devices[0] if devices else {"name": "none", "sm": ""}
    machine = GpuMachine(
        **to_json(there.machine),
        gpu=gpu["name"],
        sm=gpu["sm"],
        driver_cuda=able["cuda"]["driver_cuda"],
        tensorrt=able["tensorrt"]["version"],
    )
    return GpuManifest(
        versions=there.versions,
        machine=machine,
        source=Source(commit=commit) if commit else there.source,
        command=there.command,
        measured=there.measured,
    )


def session(commit: str) -> Session:
    return Session(
        made=manifest(commit), cores=os.cpu_count(), capabilities=dim_trt.capabilities(), nvidia_smi=clocks()
    )


def clocks() -> dict[str, str] | None:
    """What nvidia-smi, if it is here, says of the first GPU: timings mean little without its clocks."""
    text = _output("nvidia-smi", f"--query-gpu={','.join(CLOCKS)}", "--format=csv,noheader", "--id=0")
    values = [value.strip() for value in text.split(",")]
    return dict(zip(CLOCKS, values, strict=True)) if len(values) == len(CLOCKS) else None


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
