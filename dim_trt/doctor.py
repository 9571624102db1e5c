"""Say what is installed and what this machine can do, and check that the shipped model works."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from dim_trt.command import run_command
from dim_trt.environment import manifest, self_check, warnings
from dim_trt.errors import Error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the same as JSON, for reports")


def work(args: argparse.Namespace) -> None:
    facts, checks, remarks = manifest(), self_check(), warnings()
    if args.json:
        report = [{"check": check, "problem": problem} for check, problem in checks]
        print(json.dumps({**facts, "checks": report, "warnings": remarks}, indent=1))
    else:
        for name, value in facts.items():
            print(f"{name:14}{describe(value)}")
        for check, problem in checks:
            print(f"{'FAILED' if problem else 'ok':14}{check}{f': {problem}' if problem else ''}")
        for remark in remarks:
            print(f"{'warning':14}{remark}")
    failed = sum(problem is not None for _, problem in checks)
    if failed:
        raise Error(f"{failed} of {len(checks)} checks failed")


def describe(value: Any) -> str:
    """One line; of what is not available the reason, and of lists and dictionaries what is in them."""
    if isinstance(value, dict):
        rest = {key: item for key, item in value.items() if key not in ("available", "reason") and item}
        found = ", ".join(f"{key} {describe(item)}" for key, item in rest.items())
        if "available" not in value:
            return found or "none set"
        if value["available"]:
            return f"yes, {found}"
        return f"no: {value['reason']}" + (f" ({found})" if found else "")
    return " | ".join(map(describe, value)) if isinstance(value, list) else str(value)


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.doctor") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
