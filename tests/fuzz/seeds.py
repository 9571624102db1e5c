"""Writes the hand-made part of the corpus: small real plans, and one input for every way a plan can be wrong.

    python -m tests.fuzz.seeds

The names here say what an input is about; the other inputs of the corpus are libFuzzer's finds.
"""

from __future__ import annotations

import copy
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import dim_trt
from dim_trt.plans.header import FORMAT_VERSION
from tests.fuzz import corpus
from tests.support.tiny_graphs import tiny_salient

Document = dict[str, Any]
GOLDEN = Path(__file__).parents[1] / "golden" / f"v{FORMAT_VERSION}"

HEADER: Document = {
    "task": "matting",
    "network": "dim",
    "backend": "cpu",
    "precision": "fp32",
    "weights": "fp32",
    "inputs": [{"name": "x", "channels": 4}],
    "outputs": [{"name": "j", "channels": 1}],
    "preprocessing": {
        "channel_order": "rgb",
        "mean": [0, 0, 0],
        "std": [1, 1, 1],
        "trimap_scale": 1,
        "stride": 32,
        "padding": "reflect",
    },
    "shapes": {"min": [1, 1], "opt": [1, 1], "max": [99, 99]},
    "format_version": 2,
    **{key: {} for key in ("model", "producer", "source")},
}


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 64)


def split(data: bytes, prefix: int = 0) -> tuple[bytes, bytes]:
    """Text and rest of `prefix | u32 length | text | padding to 64 | rest`: a plan (prefix 8) or its payload (0)."""
    begin = prefix + 4
    length = int.from_bytes(data[prefix:begin], "little")
    return data[begin : begin + length], data[-(-(begin + length) // 64) * 64 :]


def join(prefix: bytes, text: bytes, rest: bytes) -> bytes:
    return padded(prefix + len(text).to_bytes(4, "little") + text) + rest


def plan_of(header: Document, payload: bytes) -> bytes:
    """A plan whose size and SHA-256 are right, so that the reader goes on to the rest."""
    header = {**header, "payload": {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}}
    return join(b"DIMPLAN1", json.dumps(header).encode(), payload)


def program_of(ops: list[Document], tensors: bytes) -> bytes:
    return join(b"", json.dumps({"ops": ops}, separators=(",", ":")).encode(), tensors)


def small_program() -> tuple[list[Document], bytes]:
    """Every operation, every dtype, with a skip connection; the weights share their bytes."""
    tensors = np.linspace(-0.5, 0.5, 112, dtype=np.float32).tobytes()

    def conv(source: str, result: str, shape: list[int], dtype: str = "float32", **more: Any) -> Document:
        weight: Document = {"shape": shape, "dtype": dtype, "offset": 0}
        if dtype == "int8":
            weight["scale_offset"] = 64
        bias = {"shape": shape[:1], "dtype": "float32", "offset": 128}
        fields: Document = {"kernel": shape[2], "relu": True, "codes": None, "add": None, **more}
        return {
            "op": "conv",
            "name": result,
            "input": source,
            "weight": weight,
            "bias": bias,
            "output": result,
        } | fields

    return [
        {"op": "input", "output": "x", "channels": 4},
        conv("x", "a", [2, 4, 3, 3]),
        {"op": "max_pool_argmax", "input": "a", "output": "p", "codes": "c"},
        conv("p", "b", [2, 2, 1, 1], "float16"),
        conv("b", "d", [3, 2, 5, 5], "int8", codes="c", add="a"),
        conv("d", "e", [1, 3, 3, 3], relu=False),
        {"op": "sigmoid", "input": "e", "output": "s"},
        {
            "op": "concat",
            "inputs": [{"value": "x", "first": 0, "count": 3}, {"value": "s", "first": 0, "count": 1}],
            "output": "f",
        },
        conv("f", "g", [2, 4, 1, 1]),
        conv("g", "h", [1, 2, 3, 3], relu=False),
        {"op": "add", "input": "e", "other": "h", "output": "i"},
        {"op": "clip", "input": "i", "output": "j"},
        {"op": "output", "input": "j"},
    ], tensors


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with the member at `path` replaced; removed when `value` is `...`."""
    document = copy.deepcopy(document)
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


OP_CHANGES: dict[str, tuple[tuple[Any, ...], Any]] = {
    "first_is_no_input": ((0, "op"), "sigmoid"),
    "second_input": ((6, "op"), "input"),
    "five_channels": ((0, "channels"), 5),
    "unknown_op": ((6, "op"), "softmax"),
    "no_name": ((1, "name"), ...),
    "read_before_computed": ((1, "input"), "z"),
    "codes_as_numbers": ((3, "input"), "c"),
    "numbers_as_codes": ((4, "codes"), "p"),
    "computed_twice": ((1, "output"), "x"),
    "even_kernel": ((1, "kernel"), 2),
    "kernel_9": ((1, "kernel"), 9),
    "kernel_and_shape_differ": ((1, "kernel"), 1),
    "relu_number": ((1, "relu"), 1),
    "codes_of_another_size": ((5, "codes"), "c"),
    "codes_of_other_channels": ((3, "weight", "shape"), [3, 2, 1, 1]),
    "add_without_unpooling": ((5, "add"), "d"),
    "add_of_other_channels": ((4, "add"), "x"),
    "add_of_another_size": ((4, "add"), "p"),
    "no_shape": ((1, "weight", "shape"), []),
    "three_dimensions": ((1, "weight", "shape"), [2, 4, 3]),
    "wrong_dimension": ((1, "weight", "shape"), [2, 5, 3, 3]),
    "too_many_channels": ((1, "weight", "shape"), [16385, 4, 3, 3]),
    "bias_shape": ((1, "bias", "shape"), [3]),
    "unknown_dtype": ((1, "weight", "dtype"), "float64"),
    "no_scale": ((4, "weight", "scale_offset"), ...),
    "unaligned": ((1, "weight", "offset"), 1),
    "offset_behind_the_file": ((1, "weight", "offset"), 1 << 39),
    "tensor_behind_the_file": ((1, "weight", "offset"), 384),
    "float16_behind_the_file": ((3, "weight", "offset"), 448),
    "int8_behind_the_file": ((4, "weight", "offset"), 384),
    "scale_behind_the_file": ((4, "weight", "scale_offset"), 448),
    "negative_offset": ((1, "weight", "offset"), -64),
    "half_offset": ((1, "weight", "offset"), 0.5),
    "concat_of_three": ((7, "inputs", 0, "count"), 2),
    "concat_beyond_channels": ((7, "inputs", 0, "first"), 2),
    "concat_of_two_sizes": ((7, "inputs", 1, "value"), "p"),
    "concat_of_nothing": ((7, "inputs"), []),
    "concat_of_too_many": ((7, "inputs"), [{"value": "x", "first": 0, "count": 4}] * 4097),
    "three_colors": ((0, "channels"), 3),
    "sigmoid_of_two_channels": ((6, "input"), "a"),
    "add_of_two_channels": ((10, "other"), "a"),
    "output_of_three_channels": ((12, "input"), "d"),
    "unread_sum": ((11, "input"), "h"),  # once read a region that was not there
    "pool_of_the_input": ((2, "input"), "x"),
    "conv_reads_a_head": ((9, "input"), "s"),
    "unpools_the_concat": ((8, "codes"), "c"),
}


def shrunk_program(ops: list[Document]) -> Iterator[tuple[str, list[Document]]]:
    """Other networks, right and wrong, from the same operations."""
    yield "nothing", []
    yield "no_output", ops[:-1]
    yield "after_output", [*ops, ops[6]]
    yield "input_only", ops[:1]
    head = {**ops[5], "input": "a", "weight": {**ops[5]["weight"], "shape": [1, 2, 3, 3]}}
    yield "two_convolutions", [*ops[:2], head, {"op": "output", "input": "e"}]
    again = {"op": "max_pool_argmax", "input": "p", "output": "q", "codes": "r"}
    yield "pools_a_pooling", [*ops[:3], again, {"op": "output", "input": "q"}]
    yield "pools_twice", [*ops[:3], {**again, "input": "a"}, head, {"op": "output", "input": "e"}]
    small = [*ops[:3], {**ops[5], "input": "p", "weight": {**ops[5]["weight"], "shape": [1, 2, 3, 3]}}]
    yield "output_of_half_size", [*small, {"op": "output", "input": "e"}]
    yield "add_of_two_sizes", [*small, {**head, "name": "e2", "output": "e2"}, {**ops[10], "input": "e", "other": "e2"}]
    joined = {**ops[7], "inputs": [{"value": "x", "first": 0, "count": 4}] * 2, "output": "w"}
    wide_head = {**head, "input": "w", "weight": {**head["weight"], "shape": [1, 8, 3, 3]}}
    yield "concat_of_eight", [ops[0], joined, wide_head, {"op": "output", "input": "e"}]
    yield "no_skip", changed(ops, (4, "add"), None)
    yield "five_by_five", changed(changed(ops, (1, "kernel"), 5), (1, "weight", "shape"), [2, 4, 5, 5])
    yield "seven_by_seven", changed(changed(ops, (1, "kernel"), 7), (1, "weight", "shape"), [2, 4, 7, 7])
    unpool3 = changed(changed(ops, (4, "kernel"), 3), (4, "weight", "shape"), [3, 2, 3, 3])
    yield "unpool_3x3_skip", unpool3
    yield "unpool_3x3", changed(unpool3, (4, "add"), None)
    deep: list[Document] = [ops[0]]
    source = "x"
    for level in range(7):
        deep.append(
            {
                **ops[1],
                "input": source,
                "name": f"a{level}",
                "output": f"a{level}",
                "weight": {**ops[1]["weight"], "shape": [2, 4 if level == 0 else 2, 3, 3]},
            }
        )
        source = f"p{level}"
        deep.append({"op": "max_pool_argmax", "input": f"a{level}", "output": source, "codes": f"c{level}"})
    yield "pools_too_often", deep
    second = [{**ops[3], "output": "b"}, {"op": "max_pool_argmax", "input": "b", "output": "q", "codes": "r"}]
    yield "codes_of_a_deeper_level", [*ops[:3], *second, {**ops[4], "input": "p", "codes": "r", "add": None}]
    wide = changed(changed(ops, (1, "weight", "shape"), [17, 4, 3, 3]), (1, "bias", "shape"), [17])
    yield (
        "seventeen_channels",
        [*wide[:2], {**head, "weight": {**head["weight"], "shape": [1, 17, 3, 3]}}, {"op": "output", "input": "e"}],
    )


def resizing_programs(ops: list[Document]) -> Iterator[tuple[str, list[Document]]]:
    """Half the size and back, a map of blocks and one of a single channel."""
    small = {"op": "resize", "input": "a", "output": "m", "level": 2, "coordinates": "half_pixel"}
    head = {**ops[5], "input": "m", "weight": {**ops[5]["weight"], "shape": [1, 2, 3, 3]}}
    large = {"op": "resize", "input": "e", "output": "n", "level": 0, "coordinates": "align_corners"}
    good: list[Document] = [*ops[:2], small, head, large, {"op": "output", "input": "n"}]
    yield "resizes", good
    yield "resizes_too_often", changed(good, (2, "level"), 6)
    yield "resizes_otherwise", changed(good, (2, "coordinates"), "asymmetric")
    yield "resizes_above_the_picture", changed(good, (4, "level"), -1)
    yield "resizes_codes", changed([*ops[:3], *good[2:]], (3, "input"), "c")


def quantized_programs(ops: list[Document]) -> Iterator[tuple[str, list[Document]]]:
    """Maps of whole numbers: a pooled one that is convolved, whose result is unpooled."""
    whole = changed(changed(ops, (4, "add"), None), (2, "scale"), 0.01)
    whole = changed(whole, (3, "weight"), {"shape": [2, 2, 1, 1], "dtype": "int8", "offset": 0, "scale_offset": 64})
    whole = changed(whole, (3, "scale"), 0.02)
    yield "quantized", whole
    yield "quantized_to_the_end", changed(changed(whole, (4, "scale"), 0.5), (5, "weight"), _int8([1, 3, 3, 3]))
    yield "pools_what_is_quantized", changed(whole, (1, "scale"), 0.01)
    yield "scale_null", changed(changed(whole, (3, "scale"), None), (4, "scale"), None)
    for scale in (0, -1, 1e-40, 1e38, 1e300, "1"):
        yield f"scale_{scale}", changed(whole, (3, "scale"), scale)
    yield "quantized_by_floats", changed(whole, (3, "weight"), ops[3]["weight"])
    yield "quantized_without_scales", changed(whole, (3, "weight", "scale_offset"), ...)
    yield "quantized_scales_behind_the_file", changed(whole, (3, "weight", "scale_offset"), 1 << 20)
    yield "quantized_by_128", changed(whole, (3, "weight", "offset"), 448 - 64)
    yield "quantized_nan_scales", changed(whole, (3, "weight", "scale_offset"), 448 - 64)
    yield "quantized_in_huge_steps", changed(whole, (2, "scale"), 8e37)  # whose products with the weights are infinite
    floats = {"shape": [3, 2, 3, 3], "dtype": "float32", "offset": 64}
    yield "unpools_by_floats", changed(changed(whole, (4, "kernel"), 3), (4, "weight"), floats)
    yield "adds_to_a_quantized", changed(whole, (4, "add"), "a")
    yield "adds_and_quantizes", changed(changed(changed(whole, (4, "add"), "a"), (3, "scale"), None), (4, "scale"), 1)
    both = changed(changed(whole, (4, "add"), "a"), (1, "scale"), 0.03)
    yield "adds_quantized", both
    yield "adds_quantized_in_equal_steps", changed(both, (3, "scale"), 0.03)
    yield "adds_quantized_to_floats", changed(both, (3, "scale"), None)
    three = changed(changed(both, (4, "kernel"), 3), (4, "weight", "shape"), [3, 2, 3, 3])
    yield "adds_quantized_with_another_kernel", three
    yield (
        "adds_with_another_kernel_and_quantizes",
        changed(changed(changed(three, (1, "scale"), None), (3, "scale"), None), (4, "scale"), 1),
    )
    yield "adds_quantized_far_apart", changed(changed(both, (1, "scale"), 1e30), (3, "scale"), 1e-20)
    yield "sigmoid_of_a_quantized", changed(whole, (5, "scale"), 1)
    yield "quantized_codes", changed(whole, (4, "codes"), "p")
    wide: list[Document] = [*whole[:3]]  # more products than 32 bits hold the sum of
    wide += [{**whole[3], "weight": _int8([2800, 2, 1, 1]), "bias": {**whole[3]["bias"], "shape": [2800]}}]
    wide += [{**whole[5], "input": "b", "kernel": 7, "weight": _int8([1, 2800, 7, 7])}, *whole[6:]]
    yield "quantized_too_many", wide
    many = {**both[1], "kernel": 1, "weight": _int8([2664, 4, 1, 1]), "bias": {**whole[1]["bias"], "shape": [2664]}}
    wide = [whole[0], many, whole[2]]
    wide += [{**whole[5], "input": "p", "codes": "c", "add": "a", "kernel": 5, "weight": _int8([1, 2664, 5, 5])}]
    yield "adds_quantized_too_many", [*wide, {"op": "output", "input": "e"}]  # computed as floats


def _int8(shape: list[int]) -> Document:
    return {"shape": shape, "dtype": "int8", "offset": 0, "scale_offset": 64}


# Those with more weights than the others: how often the tensors are repeated.
ROOM = dict.fromkeys(("five_by_five", "seven_by_seven", "seventeen_channels", "concat_of_eight"), 6)
ROOM |= {"quantized_too_many": 30, "adds_quantized_too_many": 174}


def programs() -> Iterator[tuple[str, bytes]]:
    ops, tensors = small_program()
    good = program_of(ops, tensors)
    yield "good", good
    for name, change in OP_CHANGES.items():
        yield name, program_of(changed(ops, *change), tensors)
    for name, others in resizing_programs(ops):
        yield name, program_of(others, tensors)
    for name, others in shrunk_program(ops):
        yield name, program_of(others, tensors * ROOM.get(name, 1))
    small_numbers = np.tile(np.array([1, -2, 3, 60], np.int8), 16).tobytes()
    last = np.array([-0.0, np.nan], np.float32).tobytes() * 8  # as int8 -128 among others
    for name, others in quantized_programs(ops):
        room = tensors[64:] * ROOM.get(name, 1)
        yield name, program_of(others, small_numbers + room[: len(room) - 64] + last)
    special = np.array([0x7E00, 0xFC00, 0x8001, 0x3C00], np.uint16).tobytes()
    yield "special_float16", program_of(ops, special * (len(tensors) // len(special)))
    yield "three_bytes", good[:3]
    yield "length_behind_the_file", b"\xff\xff\xff\xff" + good[4:]
    yield "no_room_for_padding", good[: 4 + len(split(good)[0])]
    yield "not_json", join(b"", b"{", tensors)
    yield "a_list", join(b"", b"[]", tensors)


def resized(**changes: Any) -> Document:
    """Preprocessing that scales pictures, with changes to how."""
    rule = {"round": "down", "max_side": 0, "pixels": "uint8", "img": "linear", "trimap": "nearest", "alpha": "cubic"}
    preprocessing: Document = HEADER["preprocessing"]
    return {**preprocessing, "padding": "none", "resize": {**rule, **changes}}


def resized_to(size: list[int], **changes: Any) -> Document:
    """Preprocessing that scales pictures to one size."""
    preprocessing = resized(size=size)
    rule = {name: value for name, value in preprocessing["resize"].items() if name not in ("round", "max_side")}
    return {**preprocessing, "resize": {**rule, **changes}}


def without_trimap(preprocessing: Document) -> Document:
    return {name: value for name, value in preprocessing.items() if name != "trimap_scale"}


HEADER_CHANGES: dict[str, tuple[tuple[Any, ...], Any]] = {
    "newer": (("format_version",), 3),
    "older": (("format_version",), 1),
    "another_task": (("task",), "depth"),
    "task_of_another_network": (("task",), "segmentation"),
    "no_inputs": (("inputs",), []),
    "three_channels": (("inputs",), [{"name": "x", "channels": 3}]),
    "two_outputs": (("outputs",), [{"name": "j", "channels": 1}, {"name": "k", "channels": 1}]),
    "output_of_two_channels": (("outputs",), [{"name": "j", "channels": 2}]),
    "output_without_channels": (("outputs",), [{"name": "j", "channels": 0}]),
    "tensorrt": (("backend",), "tensorrt"),
    "no_backend": (("backend",), ...),
    "bgr": (("preprocessing", "channel_order"), "bgr"),
    "channel_order": (("preprocessing", "channel_order"), "yuv"),
    "two_means": (("preprocessing", "mean"), [1, 2]),
    "infinite_mean": (("preprocessing", "mean"), [1e300, 0, 0]),
    "zero_std": (("preprocessing", "std"), [1, 0, 1]),
    "zero_trimap_scale": (("preprocessing", "trimap_scale"), 0),
    "negative_std": (("preprocessing", "std"), [-1, -2, -3]),
    "padding": (("preprocessing", "padding"), "zero"),
    "stride_2": (("preprocessing", "stride"), 2),
    "stride_1": (("preprocessing", "stride"), 1),
    "stride_30": (("preprocessing", "stride"), 30),
    "stride_2000": (("preprocessing", "stride"), 2000),
    "no_shapes": (("shapes",), ...),
    "three_sides": (("shapes", "min"), [1, 1, 1]),
    "negative_side": (("shapes", "max"), [1, -1]),
    "raw_trimap": (("preprocessing", "trimap_values"), "raw"),
    "canonical_trimap": (("preprocessing", "trimap_values"), "canonical"),
    "unknown_trimap_values": (("preprocessing", "trimap_values"), "signed"),
    "resize_null": (("preprocessing", "resize"), None),
    "resize_and_reflect": (("preprocessing", "resize"), {}),
    "resize_down": (("preprocessing",), resized()),
    "resize_up": (("preprocessing",), resized(round="up", pixels="float32", img="cubic", trimap="linear")),
    "resize_max_side": (("preprocessing",), resized(max_side=32, alpha="nearest")),
    "resize_max_side_33": (("preprocessing",), resized(max_side=33)),
    "resize_round": (("preprocessing",), resized(round="nearest")),
    "resize_pixels": (("preprocessing",), resized(pixels="float16")),
    "resize_lanczos": (("preprocessing",), resized(img="lanczos")),
    "resize_to_a_size": (("preprocessing",), resized_to([32, 64])),
    "resize_to_one_side": (("preprocessing",), resized_to([32])),
    "resize_to_33_high": (("preprocessing",), resized_to([33, 64])),
    "resize_to_33_wide": (("preprocessing",), resized_to([64, 33])),
    "resize_to_a_size_and_round": (("preprocessing",), resized_to([32, 64], round="up")),
    "resize_without_round": (("preprocessing",), {**resized(), "resize": {"max_side": 0}}),
    "no_trimap": (("preprocessing", "trimap_scale"), ...),
    "raw_without_trimap": (("preprocessing",), {**without_trimap(resized()), "trimap_values": "raw"}),
    "resize_trimap_without_trimap": (("preprocessing",), without_trimap(resized())),
    "preprocessing_list": (("preprocessing",), []),
}


def plans() -> Iterator[tuple[str, bytes]]:
    for path in sorted(GOLDEN.glob("*int8.plan")):  # weights, and whole numbers that compute
        yield path.stem, path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tiny.plan")
        scaled = {"padding": "none", "resize": {"size": [32, 64], "pixels": "uint8", "img": "linear", "alpha": "cubic"}}
        for name, preprocessing in (("salient", {}), ("salient_scaled", scaled)):
            Path(folder, "tiny.onnx").write_bytes(tiny_salient(**preprocessing).SerializeToString())
            dim_trt.build_plan(Path(folder, "tiny.onnx"), path, backend="cpu")
            yield name, path.read_bytes()
    ops, tensors = small_program()
    good = plan_of(HEADER, program_of(ops, tensors))
    yield "small", good
    payload = program_of(dict(shrunk_program(ops))["two_convolutions"], tensors)
    for name, change in HEADER_CHANGES.items():
        yield name, plan_of(changed(HEADER, *change), payload)
    yield "damaged", good[:-1] + b"\x55"
    yield "extra_bytes", good + b"\0"
    yield "one_byte_short", good[:-1]
    for end in (0, 7, 8, 11, 12, 100):
        yield f"first_{end}_bytes", good[:end]
    yield "no_room_for_padding", good[: 12 + len(split(good, 8)[0])]
    yield "not_a_plan", b"\x89PNG\r\n\x1a\n" + good[8:]


JSON: dict[str, bytes] = {
    "values": b' {"a" : [1, -2.5e+3, 0.25E-2, 1e2, true, false, null, "x"],\r\n\t"b": {}, "c": [], "ops": {"ops": 0}} ',
    "escapes": rb'["\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00\uABCD\uabcd"]',
    "utf8": '["é€😀", "\u0800\ud7ff\ue000\U00010000\U0010ffff"]'.encode("utf-8", "surrogatepass"),
    "long_key": ('{"a' + "é" * 60 + '": {"' + "a" * 99 + '": 1}}').encode(),
    "empty": b"",
    "space": b" ",
    "two_documents": b"1 2",
    "open_object": b"{",
    "open_key": b'{"a',
    "no_colon": b'{"a" 1}',
    "number_key": b"{1: 2}",
    "trailing_comma": b'{"a": 1,}',
    "no_comma": b'{"a": 1 "b": 2}',
    "twice": b'{"a": 1, "a": 2}',
    "array_no_comma": b"[1 2]",
    "open_array": b"[1",
    "open_string": b'"a',
    "open_escape": b'"\\',
    "bad_escape": b'"\\x"',
    "short_hex": b'"\\u12',
    "bad_hex": b'"\\u12g4"',
    "hex_below_digits": b'"\\u12/4"',
    "hex_below_letters": b'"\\u12:4"',
    "above_surrogates": b'"\\uff21"',
    "lone_high": b'"\\ud800"',
    "high_then_letter": b'"\\ud800a"',
    "high_then_low_range": b'"\\ud800\\u0041"',
    "high_then_above": b'"\\ud800\\ue000"',
    "lone_low": b'"\\udc00"',
    "control": b'"\x01"',
    "minus": b"-",
    "leading_zero": b"01",
    "no_fraction": b"1.",
    "no_exponent": b"1e",
    "no_exponent_digits": b"1e+",
    "huge": b"1e999",
    "tiny": b"1e-999",
    "word": b"nul",
    "deep": b"[" * 20,
    "as_deep_as_may_be": b"[" * 16 + b"]" * 16,
    "stray_continuation": b'"\x80"',
    "overlong_2": b'"\xc1\xbf"',
    "overlong_3": b'"\xe0\x9f\xbf"',
    "overlong_4": b'"\xf0\x8f\xbf\xbf"',
    "surrogate": b'"\xed\xa0\x80"',
    "beyond_unicode": b'"\xf4\x90\x80\x80"',
    "lead_f5": b'"\xf5\x80\x80\x80"',
    "missing_continuation": b'"\xe2\x82"',
    "bad_third": b'"\xe2\x82a"',
    "cut_off": b'"\xe2',
}  # fmt: skip


def runs() -> Iterator[tuple[str, bytes]]:
    """Read from their ends by FuzzedDataProvider; a start, the rest is found by mutation."""
    random = np.random.default_rng(0)
    for length in (1, 12, 40, 160):
        yield f"random_{length}", random.integers(0, 256, length, np.uint8).tobytes()


SEEDS: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    "json": lambda: iter(JSON.items()),
    "plan": plans,
    "program": programs,
    "run": runs,
}


def main() -> None:
    for target, seeds in SEEDS.items():
        print(f"{target}: {corpus.add(target, dict(seeds()).values())} new inputs")


if __name__ == "__main__":
    main()
