"""The lowest versions that wheels are tested with are those of pyproject.toml."""

from __future__ import annotations

import pytest

from tools.environments import WheelError, lowest
from tools.wheels import lowest_versions


def test_the_version_behind_the_floor_is_taken() -> None:
    assert lowest(["a>=1.2", "b-c<12,>=10.16", "d>=3; sys_platform == 'linux'"]) == ["a==1.2", "b-c==10.16", "d==3"]


@pytest.mark.parametrize("requirement", ["a", "a==1", "a<2"])
def test_a_requirement_without_one_is_refused(requirement: str) -> None:
    with pytest.raises(WheelError, match="expected one lowest version"):
        lowest(["b>=1", requirement])


def test_it_covers_what_the_wheel_asks_for() -> None:
    names = {requirement.partition("==")[0] for requirement in lowest_versions()}
    assert {
        "numpy",
        "onnx",
        "onnx-graphsurgeon",
        "tqdm",
        "pillow",
        "simplejpeg",
        "opencv-python-headless",
        "av",
    } <= names
