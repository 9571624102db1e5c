"""The table of docs/training.md: which files are taken for a checkpoint, and what is said of the others.

python -m tests.training.foreign_table    # makes one of each kind, tries it, and writes the table
"""

from __future__ import annotations

import re
import tempfile
import warnings
from pathlib import Path

from tests.support import ROOT
from tests.training.foreign_kinds import KINDS, Kind
from training.checkpoints import CheckpointError
from training.foreign.importing import import_checkpoint

PAGE = ROOT / "docs" / "training.md"
BLOCK = re.compile(r"(?<=<!-- table: checkpoints -->\n)(.*?)(?=<!-- end of table -->)", re.DOTALL)


def outcome(kind: Kind, folder: Path) -> tuple[str, str]:
    """As which repository it was taken, or nothing, and what is said."""
    path = kind.make(folder)
    try:
        imported = import_checkpoint(path, kind.repository)
    except CheckpointError as error:
        return "", str(error).replace(f"{path}: ", "").replace(str(path), path.name)
    return imported.repository, f"its tensors are {imported.found}" if imported.found else ""


def table(outcomes: dict[str, tuple[str, str]]) -> str:
    lines = ["| file | taken as | what is said |", "| --- | --- | --- |"]
    for name, (taken, said) in outcomes.items():
        flag = " (`--repository`)" if KINDS[name].repository else ""
        lines.append(f"| {name} | {f'`{taken}`{flag}' if taken else 'no'} | {said.replace('|', '¦')} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """The command line."""
    outcomes = {}
    for name, kind in KINDS.items():
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("error")
            outcomes[name] = outcome(kind, Path(folder))
    page = PAGE.read_text()
    PAGE.write_text(BLOCK.sub(lambda _match: table(outcomes), page))
    print(f"{PAGE.relative_to(ROOT)}: {len(outcomes)} kinds of files")


if __name__ == "__main__":
    main()
