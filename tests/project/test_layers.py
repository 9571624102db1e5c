"""tools.layers sees what is included from above, and csrc has none of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.layers import FLOORS, ROOT, main


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / "csrc" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "csrc" / name).write_text(text)
    return folder


SOUND = {
    "base/error.h": "#include <string>\n",
    "core/plan.h": '#include "base/error.h"\n#include "core/plan.h"\n',
    "cpu/runner.h": '#include "core/plan.h"\n#include "cpu/kernels/vec.h"\n',
    "cpu/kernels/vec.h": "#pragma once\n",
    "backends.h": '#include "cpu/runner.h"\n',
    "bindings/module.cc": '#include "backends.h"\n#include <pybind11/pybind11.h>\n',
    "tensorrt/log.h": "#include <NvInfer.h>\n#include <cuda_runtime_api.h>\n",
}


def test_every_include_of_csrc_is_of_what_is_below(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    files = int(capsys.readouterr().out.split()[1])
    assert files > 100
    assert all((ROOT / "csrc" / floor).is_dir() or list((ROOT / "csrc").glob(f"{floor}.*")) for floor in FLOORS)


def test_a_sound_tree_is_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write(tmp_path, SOUND))]) == 0
    assert capsys.readouterr().out == f"layers: {len(SOUND)} files, 0 includes of what is not below\n"


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        (
            "core/matting.cc",
            '#include "core/plan.h"\n\n#include "cpu/runner.h"\n',
            "csrc/core/matting.cc:3: includes cpu/runner.h, and csrc/core may include only base, itself",
        ),
        (
            "base/pool.cc",
            '  #  include "core/plan.h"\n',
            "csrc/base/pool.cc:1: includes core/plan.h, and csrc/base may include only itself",
        ),
        (
            "core/matting.cc",
            "#include <cpu/runner.h>\n",
            "csrc/core/matting.cc:1: includes cpu/runner.h, and csrc/core may include only base, itself",
        ),
        (
            "cpu/kernels/simd.cc",
            '#include "cpu/runner.h"\n',
            "csrc/cpu/kernels/simd.cc:1: includes cpu/runner.h, and csrc/cpu/kernels may include only base, itself",
        ),
        (
            "tensorrt/runner.cc",
            '#include "backends.h"\n',
            "csrc/tensorrt/runner.cc:1: includes backends.h, and csrc/tensorrt may include only base, core, cuda, "
            "itself",
        ),
        (
            "core/plan.cc",
            "#include <pybind11/pybind11.h>\n",
            "csrc/core/plan.cc:1: includes pybind11/pybind11.h, which only csrc/bindings and csrc/testing may include",
        ),
        (
            "core/plan.cc",
            '#include "plan.h"\n',
            "csrc/core/plan.cc:1: includes plan.h, which is no file of csrc; the name begins below csrc, and others' "
            "headers stand in <>",
        ),
        (
            "opencl/runner.cc",
            "",
            "csrc/opencl/runner.cc:1: has no floor; give its folder a row in FLOORS of tools/layers.py",
        ),
    ],
)
def test_what_is_included_from_above_is_reported(
    file: str, text: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(write(tmp_path, {**SOUND, file: text}))]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said == [line, f"layers: {len(SOUND) + 1} files, 1 includes of what is not below"]


def test_looking_at_nothing_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "csrc").mkdir()
    assert main([str(tmp_path)]) == 1
    assert "has no C++ files to look at" in capsys.readouterr().out
