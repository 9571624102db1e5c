"""Pythons on this machine, empty environments for them, and the lowest versions that pyproject.toml allows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

SUPPORTED = ("3.10", "3.11", "3.12", "3.13")
ASK = """
import ensurepip, json, pathlib, sys, sysconfig, venv
assert (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists()
print(json.dumps("%d.%d" % sys.version_info[:2]))
"""


class WheelError(Exception):
    """Of one wheel, or of the sdist."""


def run(*command: str | Path, **options: object) -> str:
    """The command's output; raises WheelError with it."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise WheelError(f"{done.stdout}{done.stderr}\n{' '.join(map(str, command))}")
    return str(done.stdout)


def interpreters() -> dict[str, Path]:
    """One for each supported version that can build: this one, those on the PATH and those of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = [shutil.which(f"python{version}") for version in SUPPORTED]
    found: dict[str, Path] = {}
    for path in [Path(sys.executable), *sorted(pyenv.glob("*/bin/python")), *(Path(name) for name in named if name)]:
        asked = subprocess.run([path, "-c", ASK], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and (version := json.loads(asked.stdout)) in SUPPORTED:
            found.setdefault(version, path)
    return {version: found[version] for version in SUPPORTED if version in found}


def pip(python: Path, *arguments: str | Path) -> None:
    """This environment's pip for another Python, which then needs none of its own."""
    run(sys.executable, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check", *arguments)


def environment(python: Path, folder: Path, *packages: str | Path) -> Path:
    """A new virtual environment with these packages; its Python."""
    run(python, "-m", "venv", "--without-pip", folder)
    pip(folder / "bin/python", "install", *packages)
    return folder / "bin/python"


def lowest(requirements: Iterable[str]) -> list[str]:
    """Of each requirement the version behind >=, as a requirement of that version alone."""
    pinned = []
    for requirement in map(Requirement, requirements):
        floors = [specifier.version for specifier in requirement.specifier if specifier.operator == ">="]
        if len(floors) != 1:
            raise WheelError(f"pyproject.toml: expected one lowest version (>=) of {requirement.name}, got {floors}")
        pinned.append(f"{requirement.name}=={floors[0]}")
    return pinned
