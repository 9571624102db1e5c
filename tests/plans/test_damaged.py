"""The plan reader meets damaged and hostile bytes: one clear PlanError, or a plan that runs; never a crash."""

import hashlib
import json
import re

import numpy as np
import pytest

import dim_trt
from tests.support.tiny_graphs import tiny_dim

pytestmark = pytest.mark.public


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "dim.onnx").write_bytes(tiny_dim().SerializeToString())
    dim_trt.build_plan(folder / "dim.onnx", folder / "dim.plan", weights="int8")
    return (folder / "dim.plan").read_bytes()


def split(plan: bytes):
    """Header, program and tensors of a good plan."""
    length = int.from_bytes(plan[8:12], "little")
    payload = plan[-(-(12 + length) // 64) * 64 :]
    program_length = int.from_bytes(payload[:4], "little")
    tensors = payload[-(-(4 + program_length) // 64) * 64 :]
    return json.loads(plan[12 : 12 + length]), payload[4 : 4 + program_length], tensors


RESIZE = {"round": "up", "max_side": 0, "pixels": "uint8", "img": "cubic", "trimap": "nearest", "alpha": "linear"}


def with_resize(header: dict, **changes: object) -> dict:
    """The header of a plan that scales pictures and takes raw trimaps."""
    more = {"padding": "none", "trimap_values": "raw", "resize": RESIZE | changes}
    return header | {"preprocessing": header["preprocessing"] | more}


def fixed(header: dict, *size: int, **changes: object) -> dict:
    """The header of a plan that scales every picture to one size."""
    header = with_resize(header, size=list(size))
    resize = header["preprocessing"]["resize"]
    header["preprocessing"]["resize"] = {k: v for k, v in resize.items() if k not in ("round", "max_side")} | changes
    return header


def without_entry(header: dict, *names: str) -> dict:
    *path, last = ("preprocessing", *names)
    inner = header
    for name in path:
        inner = inner[name]
    del inner[last]
    return header


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 64)


def join(header: dict, program: bytes, tensors: bytes, program_length: int | None = None) -> bytes:
    """A plan whose sizes and SHA-256 are right, so that the reader goes on to the rest."""
    declared = len(program) if program_length is None else program_length
    payload = padded(declared.to_bytes(4, "little") + program) + tensors
    header = header | {"payload": {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}}
    text = json.dumps(header).encode()
    return padded(b"DIMPLAN1" + len(text).to_bytes(4, "little") + text) + payload


def outcome(path, data: bytes) -> str:
    """Loads and runs; "ran", or the message of the error."""
    path.write_bytes(data)
    img = np.arange(33 * 35 * 3, dtype=np.uint8).reshape(33, 35, 3)
    trimap = np.full((33, 35), 128, np.uint8)
    trimap[0] = 0
    try:
        alpha = dim_trt.Engine(path).run(img, trimap)
    except (dim_trt.PlanError, dim_trt.BackendUnavailable) as error:
        return str(error)
    assert alpha.shape == trimap.shape
    return "ran"


def test_the_parts_put_together_again_run(plan, tmp_path):
    assert outcome(tmp_path / "a.plan", join(*split(plan))) == "ran"


def test_random_bytes_in_the_preprocessing_of_a_plan_that_scales(plan, tmp_path):
    rng = np.random.default_rng(4)
    header, program, tensors = split(plan)
    data = join(with_resize(header), program, tensors)
    assert outcome(tmp_path / "a.plan", data) == "ran"
    begin, end = (data.index(word) for word in (b'"preprocessing"', b'"shapes"'))
    outcomes = set()
    for _ in range(400):
        broken = bytearray(data)
        broken[int(rng.integers(begin, end))] = int(rng.choice(list(b'0123456789-e"{}[],:nulreflctdownp ')))
        outcomes.add(outcome(tmp_path / "a.plan", bytes(broken)))
    assert len(outcomes) > 10


def test_every_truncation_is_refused(plan, tmp_path):
    for end in [*range(0, 80), *range(80, len(plan), 997), len(plan) - 1]:
        assert outcome(tmp_path / "a.plan", plan[:end]) != "ran", end
    assert "extra bytes" in outcome(tmp_path / "a.plan", plan + b"\0")


def test_every_flipped_payload_bit_is_found(plan, tmp_path):
    rng = np.random.default_rng(0)
    payload_bytes = split(plan)[0]["payload"]["bytes"]
    for position in len(plan) - 1 - rng.integers(0, payload_bytes, 50):
        broken = bytearray(plan)
        broken[position] ^= 1 << int(rng.integers(8))
        assert "SHA-256" in outcome(tmp_path / "a.plan", bytes(broken))


def test_random_bytes_in_header_and_program(plan, tmp_path):
    rng = np.random.default_rng(1)
    header, program, tensors = split(plan)
    text = json.dumps(header).encode()
    for _ in range(300):
        broken = bytearray(program)
        for position in rng.integers(0, len(broken), int(rng.integers(1, 4))):
            broken[position] = int(rng.integers(256))
        outcome(tmp_path / "a.plan", join(header, bytes(broken), tensors))
        broken = bytearray(plan)
        broken[int(rng.integers(8, 12 + len(text)))] = int(rng.integers(256))
        outcome(tmp_path / "a.plan", bytes(broken))


NUMBERS = [b"-1", b"0", b"1", b"2", b"3", b"63", b"64", b"1e300", b"1.5", b"16385", b"4294967296", b"null", b'"x"']


def test_every_number_of_the_program_replaced(plan, tmp_path):
    rng = np.random.default_rng(2)
    header, program, tensors = split(plan)
    places = [m.span() for m in re.finditer(rb"(?<=[:\[,])\d+", program)]
    assert len(places) > 20
    for start, end in places:
        for number in rng.choice(NUMBERS, 4, replace=False):
            outcome(tmp_path / "a.plan", join(header, program[:start] + number + program[end:], tensors))


def test_every_name_of_the_program_replaced(plan, tmp_path):
    """Values read before they are computed or computed twice, codes taken for numbers, unknown operations."""
    header, program, tensors = split(plan)
    names = sorted(set(re.findall(rb'(?<=")\w+(?=")', program)))
    rng = np.random.default_rng(3)
    for match in re.finditer(rb'(?<=")\w+(?=")', program):
        for name in rng.choice(names, 2):
            data = program[: match.start()] + bytes(name) + program[match.end() :]
            outcome(tmp_path / "a.plan", join(header, data, tensors))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h | {"format_version": 3}, "format version 3, and this dim_trt reads version 2; upgrade dim_trt"),
        (lambda h: h | {"format_version": 1}, "format version 1.*reads version 2; rebuild it with python -m dim_trt.b"),
        (
            lambda h: h | {"task": "segmentation"},
            "expected task 'matting', got 'segmentation'; load it with dim_trt.Sa",
        ),
        (lambda h: h | {"task": "depth"}, "expected task 'matting', got 'depth'; upgrade dim_trt"),
        (lambda h: without_entry(h, "trimap_scale"), "expected preprocessing with trimap_scale for task 'matting'"),
        (
            lambda h: without_entry(
                h | {"preprocessing": h["preprocessing"] | {"trimap_values": "raw"}}, "trimap_scale"
            ),
            "trimap_values: expected none without trimap_scale",
        ),
        (lambda h: with_resize(h, size=[64]), r"resize.round: expected none with size"),
        (lambda h: fixed(h, 64), r"resize.size: expected \[height, width\]"),
        (lambda h: fixed(h, 64, 100), "resize.size: expected multiples of 32, got 100x64"),
        (lambda h: fixed(h, 64, 96, round="up"), "resize.round: expected none with size"),
        (lambda h: without_entry(with_resize(h), "resize", "round"), "resize: 'round' is missing"),
        (lambda h: h | {"inputs": []}, "expected one input of 4 channels and one output of 1"),
        (lambda h: h | {"inputs": [{"name": "x", "channels": 3}]}, "expected one input of 4 channels and one output"),
        (lambda h: h | {"outputs": [*h["outputs"], *h["outputs"]]}, "expected one input of 4 channels and one output"),
        (lambda h: h | {"outputs": [{"name": "alpha", "channels": 0}]}, "channels: expected a whole number from 1"),
        (lambda h: h | {"outputs": [{"channels": 1}]}, "'name' is missing"),
        (lambda h: h | {"backend": "tensorrt"}, "built for the tensorrt backend.*--backend cpu"),
        (lambda h: h | {"backend": "abacus"}, "expected backend 'cpu' or 'tensorrt', got 'abacus'"),
        (lambda h: {k: v for k, v in h.items() if k != "shapes"}, "header: 'shapes' is missing"),
        (
            lambda h: h | {"preprocessing": h["preprocessing"] | {"std": [1, 0, 1]}},
            "std: expected numbers other than 0",
        ),
        (lambda h: h | {"preprocessing": h["preprocessing"] | {"mean": [1, 2]}}, "mean: expected 3 numbers, got 2"),
        (
            lambda h: h | {"preprocessing": h["preprocessing"] | {"padding": "zero"}},
            "padding: expected 'none' or 'reflect', got 'zero'",
        ),
        (lambda h: with_resize(h, round="nearest"), "resize.round: expected 'down' or 'up', got 'nearest'"),
        (lambda h: with_resize(h, max_side=100), "resize.max_side: expected a multiple of 32, got 100"),
        (lambda h: with_resize(h, max_side=-32), "resize.max_side: expected"),
        (lambda h: with_resize(h, pixels="int8"), "resize.pixels: expected 'float32' or 'uint8', got 'int8'"),
        (lambda h: with_resize(h, img="lanczos"), "resize.img: expected 'nearest' or 'linear' or 'cubic'"),
        (lambda h: with_resize(h, alpha=2), "resize.alpha: expected"),
        (lambda h: without_entry(with_resize(h), "resize", "trimap"), "resize: 'trimap' is missing"),
        (
            lambda h: h | {"preprocessing": h["preprocessing"] | {"resize": "up"}},
            "padding: expected 'none' with resize, got",
        ),
        (lambda h: h | {"preprocessing": h["preprocessing"] | {"trimap_values": "gray"}}, "'canonical' or 'raw', got"),
        (lambda h: h | {"preprocessing": h["preprocessing"] | {"stride": 2}}, "pools more often"),
        (lambda h: h | {"preprocessing": []}, "preprocessing: expected an object"),
    ],
)
def test_header_errors_say_what_is_wrong(plan, tmp_path, change, message):
    header, program, tensors = split(plan)
    assert re.search(message, outcome(tmp_path / "a.plan", join(change(header), program, tensors)))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"", "not valid JSON"),
        (b"[]", "program: expected an object"),
        (b'{"ops": []}', "expected 'output' as the last operation"),
        (b'{"ops": [' + b"[" * 100_000, "nested too deeply"),
        (b'{"ops": 1, "ops": 2}', "a key occurs twice"),
        (b'{"ops": [{"op": "output", "input": "x"}]}', "expected 'input' as the first operation"),
        (b'{"ops": [{"op": "\\ud800"}]}', "lone surrogate"),
        (b'{"ops": "\x01"}', "control character"),
    ],
    ids=["empty", "list", "no ops", "deep", "twice", "no input", "surrogate", "control"],
)
def test_program_errors_say_what_is_wrong(plan, tmp_path, program, message):
    header, _, tensors = split(plan)
    assert re.search(message, outcome(tmp_path / "a.plan", join(header, program, tensors)))


def test_program_length_beyond_the_file(plan, tmp_path):
    header, program, tensors = split(plan)
    for length in (2**32 - 1, len(program) + len(tensors) + 64):
        data = join(header, program, tensors, program_length=length)
        assert "incomplete" in outcome(tmp_path / "a.plan", data)
