"""The steps of `benchmarks.suite`: which benchmark, with which arguments, and which kind of record it writes."""

from __future__ import annotations

from typing import Any, NamedTuple

from benchmarks.records import Latency, Memory, Quality, Stages, Throughput

DATA = "DATA"  # stands for the folder of --alphamatting
THREADS = "THREADS"  # stands for 1, 2, 4, … the number of cores
# Where a run of the full model takes seconds: fewer runs, one peer (PyTorch still says what the right answer is).
SLOW = ["--min-runs", "5", "--seconds", "0", "--peers", "onnxruntime"]  # at 1080p
MANY = ["--min-runs", "3", "--seconds", "0", "--peers", "onnxruntime"]  # of each picture of a data set
# Peers at their best; what is measured of each must fit into the time of a run with all of them.
BEST = ["--peers", "dim_trt-int8", "pytorch", "pytorch-compiled", "pytorch-bf16", "onnxruntime", "onnxruntime-int8",
        "openvino", "openvino-bf16", "openvino-int8", "--no-float64"]  # fmt: skip
SIDE_BY_SIDE = ["onnxruntime", "onnxruntime-int8", "openvino", "openvino-bf16", "openvino-int8"]  # several runs at once
BEST_QUICK = ["--peers", "dim_trt-int8", "onnxruntime-int8", "openvino"]
QUICK = ["--min-runs", "2", "--seconds", "0", "--no-float64"]
QUICK_MANY = [*QUICK, "--limit", "1"]


class Step(NamedTuple):
    """`python -m benchmarks.<module> <arguments>`; `quick`, in their place, takes seconds. minutes: on four cores."""

    name: str
    module: str
    arguments: list[str]
    minutes: float
    quick: list[str]


KINDS: dict[str, type[Any]] = {  # of record by module
    "latency": Latency,
    "memory": Memory,
    "quality": Quality,
    "stages": Stages,
    "throughput": Throughput,
}


def words(text: str) -> list[str]:
    return text.split()


STEPS = (
    Step("full-dense", "latency", words("--model full --size 256x256 384x384 512x512"), 1.2,
         ["--model", "lite", "--size", "96x64", "128x96", *QUICK]),
    Step("full-dense-1080p", "latency", ["--model", "full", "--size", "1920x1080", *SLOW], 2.5,
         ["--model", "lite", "--size", "192x128", *QUICK]),
    Step("full-band-1080p", "latency", ["--model", "full", "--band", "5", *SLOW], 2.2,
         ["--model", "lite", "--band", "5", "--size", "192x128", *QUICK]),
    Step("full-alphamatting", "latency", ["--model", "full", "--alphamatting", DATA, *MANY], 3.8,
         ["--model", "lite", "--alphamatting", DATA, *QUICK_MANY]),
    Step("full-peers", "latency", words("--model full --size 512x512 --peers all --memory --no-float64"), 1.8,
         ["--model", "lite", "--size", "96x64", "--peers", "pytorch", "onnxruntime", "--clocks", "--memory", *QUICK]),
    Step("full-threads", "latency",
         ["--model", "full", "--size", "512x512", "--threads", THREADS, "--peers", "onnxruntime", "--no-float64",
          "--min-runs", "5"], 1.1,
         ["--model", "lite", "--size", "96x64", "--threads", "1", "2", "--peers", "onnxruntime", *QUICK]),
    Step("lite-dense", "latency", words("--model lite --size 512x512"), 0.3,
         ["--model", "lite", "--size", "96x64", *QUICK]),
    Step("shipped-dense", "latency", words("--model shipped --size 256x256 384x384 512x512 1920x1080"), 1.2,
         ["--model", "shipped", "--size", "96x64", *QUICK]),
    Step("shipped-band-1080p", "latency", words("--model shipped --band 5"), 0.5,
         ["--model", "shipped", "--band", "5", "--size", "192x128", *QUICK]),
    Step("shipped-alphamatting", "latency", ["--model", "shipped", "--alphamatting", DATA, "--seconds", "1"], 1,
         ["--model", "shipped", "--alphamatting", DATA, *QUICK_MANY]),
    Step("shipped-peers", "latency",
         words("--model shipped --size 512x512 --scene --peers all --clocks --memory --no-float64 --limit-s 40"), 1.8,
         ["--model", "shipped", "--size", "96x64", "--scene", "--peers", "pytorch", "onnxruntime", "--clocks", *QUICK]),
    Step("best-full-dense", "latency",
         [*words("--model full --size 512x512 --scene --unknown 1"), *BEST], 2.5,
         ["--model", "lite", "--size", "96x64", "--scene", "--unknown", "1", *BEST_QUICK, *QUICK]),
    Step("best-full-band-1080p", "latency",
         [*words("--model full --scene --band 5 --min-runs 3 --seconds 0"), *BEST], 3.5,
         ["--model", "lite", "--size", "192x128", "--scene", "--band", "5", *BEST_QUICK, *QUICK]),
    Step("best-shipped-dense", "latency",
         [*words("--model shipped --size 512x512 --scene --unknown 1"), *BEST], 2,
         ["--model", "shipped", "--size", "96x64", "--scene", "--unknown", "1", *BEST_QUICK, *QUICK]),
    Step("best-shipped-band-1080p", "latency",
         [*words("--model shipped --scene --band 5 --min-runs 5 --seconds 0"), *BEST], 2,
         ["--model", "shipped", "--size", "192x128", "--scene", "--band", "5", *BEST_QUICK, *QUICK]),
    Step("memory-full-1080p", "memory", words("--model full --size 1920x1080"), 0.7,
         words("--model lite --size 96x64")),
    Step("memory-full-4k", "memory", words("--model full --size 3840x2160 --no-onnxruntime"), 0.8,
         words("--model lite --size 128x96 --no-onnxruntime")),
    Step("memory-shipped-1080p", "memory", words("--model shipped --size 1920x1080"), 0.3,
         words("--model shipped --size 96x64")),
    Step("stages-full", "stages", words("--model full --size 512x512"), 0.8,
         words("--model lite --size 96x64 --runs 2")),
    Step("quality-alphamatting", "quality", ["--alphamatting", DATA], 2.7,
         ["--alphamatting", DATA, "--limit", "1", "--peers", "pytorch", "--trimaps", "trimap1"]),
    Step("quality-scenes", "quality", words("--scenes 1"), 1,
         words("--scenes 1 --limit 2 --peers onnxruntime")),
    Step("throughput-shipped", "throughput",
         [*words("--model shipped --size 512x512 --seconds 0.6 --peers"), *SIDE_BY_SIDE], 2.3,
         words("--model shipped --size 96x64 --seconds 0.05 --ways run() --concurrent 1 --threads 1 --peers openvino")),
)  # fmt: skip
