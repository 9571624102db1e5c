"""Where, when and with what a record of benchmarks was made."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.json_fields import Part


@dataclass(frozen=True, kw_only=True)
class Machine:
    """`name` is for files."""

    name: str
    processor: str
    isa: str
    cores: int
    memory_gb: int | None = None
    system: str


@dataclass(frozen=True, kw_only=True)
class Source(Part):
    """The commit, and whether what is measured was changed since, where git can tell."""

    commit: str
    modified: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest(Part):
    """Where, when and with what a record was made. Without git there is no source."""

    versions: dict[str, str]
    machine: Machine
    source: Source | None = None
    command: str | None = None
    measured: str
    settings: dict[str, float | None] | None = None


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Where, when and with what scores were computed again; what a method costs is still what its manifest says."""

    versions: dict[str, str]
    machine: Machine
    source: Source | None = None
    measured: str
