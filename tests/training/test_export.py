"""model -> dim.onnx: the file computes what PyTorch computes and holds nothing that it should not."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from dim_trt.errors import Error
from dim_trt.graph.load import load_onnx
from tests.support import ROOT
from training import export
from training.data.preprocess import PREPROCESSING
from training.export import export_onnx, fold_batch_norm, main
from training.model import DeepImageMatting, ModelConfig

WIDTH = 1 / 16  # few channels: what is tested does not depend on their number
CONFIGS = {
    "paper": ModelConfig(width=WIDTH),
    "lite": ModelConfig(width=WIDTH, norm="batch", skip=True),
    "plain": ModelConfig(width=WIDTH, conv6="3x3x512", norm="batch", refine=False, output="clip"),
    "fc6": ModelConfig(width=WIDTH, conv6="7x7x4096", skip=True, output="clip"),
}
ENCODER = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3", "5_1", "5_2", "5_3"]
LAYERS = [f"conv{name}" for name in ENCODER] + ["conv6", *(f"deconv{i}" for i in range(6, 0, -1)), "alpha"]
REFINER = ["refine_conv1", "refine_conv2", "refine_conv3", "refine_alpha"]


def random_model(config: ModelConfig) -> DeepImageMatting:
    """Biases and batch norm statistics away from their first values, heads as loud as the rest."""
    torch.manual_seed(0)
    model = DeepImageMatting(config)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            assert module.bias is not None
            nn.init.normal_(module.bias, std=0.1)
            if module.out_channels == 1:
                nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias, std=0.1)
    return model.eval()


@dataclass
class Exported:
    model: DeepImageMatting
    path: Path

    @property
    def proto(self) -> onnx.ModelProto:
        return onnx.load(self.path)


@pytest.fixture(name="exported", scope="module", params=CONFIGS)
def fixture_exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    model = random_model(CONFIGS[request.param])
    return Exported(model, export_onnx(model, tmp_path_factory.mktemp("onnx") / "dim.onnx"))


def test_onnx_runtime_is_as_exact_as_pytorch_at_any_size(exported: Exported) -> None:
    """Both against PyTorch in float64: the error is at most twice PyTorch's own (and 1e-6 for rounding of alpha)."""
    exact = copy.deepcopy(exported.model).double()
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    for seed, size in enumerate([(32, 32), (32, 96), (160, 64), (224, 192)]):
        x = torch.randn(1, 4, *size, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            torch_alpha, expected = exported.model(x).numpy(), exact(x.double()).numpy()
        (alpha,) = session.run(None, {"input": x.numpy()})
        assert alpha.shape == (1, 1, *size)
        assert expected.std() > 0.01  # a constant would agree too easily
        assert np.abs(alpha - expected).max() <= 2 * np.abs(torch_alpha - expected).max() + 1e-6


def test_graph_is_plain_and_self_contained(exported: Exported) -> None:
    proto = exported.proto
    onnx.checker.check_model(proto, full_check=True)
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 17)]
    assert not proto.functions
    expected = {"Conv", "Relu", "MaxPool", "MaxUnpool"}
    expected |= {"Sigmoid"} if exported.model.config.output == "sigmoid" else {"Clip"}
    expected |= {"Slice", "Concat", "Add"} if exported.model.config.refine else set()
    expected |= {"Add"} if exported.model.config.skip else set()
    assert {node.op_type for node in proto.graph.node} == expected
    load_onnx(exported.path)


def test_input_and_output_are_the_documented_ones(exported: Exported) -> None:
    graph = exported.proto.graph
    for values, name, channels in ((graph.input, "input", 4), (graph.output, "alpha", 1)):
        (value,) = values
        dims = [dim.dim_value or dim.dim_param for dim in value.type.tensor_type.shape.dim]
        assert (value.name, dims) == (name, [1, channels, "32*h", "32*w"])
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_convolutions_have_the_names_of_the_paper(exported: Exported) -> None:
    nodes = exported.proto.graph.node
    expected = LAYERS + (REFINER if exported.model.config.refine else [])
    assert [node.name for node in nodes if node.op_type == "Conv"] == expected
    assert [node.name for node in nodes if node.op_type == "MaxPool"] == [f"pool{i}" for i in range(1, 6)]
    assert [node.name for node in nodes if node.op_type == "MaxUnpool"] == [f"unpool{i}" for i in range(5, 0, -1)]
    names = [node.name for node in nodes]
    assert len(set(names)) == len(names)


def test_metadata_carries_what_tensors_cannot(exported: Exported) -> None:
    source = load_onnx(exported.path)
    assert source.preprocessing == json.loads(json.dumps(PREPROCESSING.to_dict()))
    assert ModelConfig(**source.model) == exported.model.config
    keys = {entry.key: entry.value for entry in exported.proto.metadata_props}
    assert (keys["dim_trt.task"], keys["dim_trt.network"]) == (source.task, source.network) == ("matting", "dim")
    assert source.licence != "unknown"
    assert source.origin != "unknown"


def test_a_config_is_stored_as_before_there_were_other_decoders() -> None:
    """Training compares it with a checkpoint's before it resumes."""
    stored = {"width": 1.0, "conv6": "1x1x512", "norm": "none", "skip": False, "refine": True, "output": "sigmoid"}
    assert ModelConfig().to_dict() == stored
    linear = ModelConfig(conv6="none", decoder="linear")
    assert ModelConfig(**linear.to_dict()) == linear


@pytest.mark.parametrize("field", ["conv6", "norm", "output", "decoder"])
def test_unknown_choices_of_a_config_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field}: expected one of .*, got 'other'"):
        ModelConfig(**{field: "other"})


def test_no_trace_of_the_exporting_machine_is_left(exported: Exported) -> None:
    content = exported.path.read_bytes()
    for trace in (str(ROOT), str(Path.home()), sys.prefix, "site-packages", ".py", "pkg.torch"):
        assert trace.encode() not in content, trace


def test_folding_batch_norm_is_exact_and_leaves_the_model_alone() -> None:
    model = random_model(CONFIGS["lite"]).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    folded = fold_batch_norm(model)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    x = torch.randn(1, 4, 64, 96, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        difference = folded.double()(x) - model.eval().double()(x)
    assert difference.abs().max() < 1e-6  # the folded weights are float32


@pytest.mark.parametrize("exported", ["plain"], indirect=True)
def test_export_to_nowhere_is_one_clear_error(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_trace", lambda *_: exported.proto)  # which takes seconds
    with pytest.raises(Error, match=r"cannot write onnx '.*dim\.onnx': the folder does not exist"):
        export_onnx(exported.model, tmp_path / "none" / "dim.onnx")
    assert not list(tmp_path.iterdir())


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "training.export", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )


def test_command_exports_quietly(tmp_path: Path) -> None:
    path = tmp_path / "dim.onnx"
    run = command("--config", "lite", "--random", "1", "-o", str(path), "--licence", "CC0-1.0", "--origin", "a test")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(f"{path}  ")
    source = load_onnx(path)
    assert (source.licence, source.origin, source.model["width"]) == ("CC0-1.0", "a test", 0.25)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--checkpoint", "none.pt"), 1, "error: none.pt: no such checkpoint"),
        (("--random", "1"), 2, "--random SEED and --config go together"),
        ((), 2, "--checkpoint --random"),
    ],
)
def test_command_refuses(
    arguments: tuple[str, ...],
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["training.export", *arguments])
    with pytest.raises(SystemExit) as refused:
        main()
    ending = refused.value.code
    assert (1 if isinstance(ending, str) else ending) == code  # Python says a text on stderr and ends with 1
    assert message in f"{ending}{capsys.readouterr().err}"


@pytest.mark.parametrize("exported", ["lite"], indirect=True)
def test_weights_rounded_to_float16_are_stored_as_float32(exported: Exported, tmp_path: Path) -> None:
    model = exported.model
    before = {name: values.clone() for name, values in model.state_dict().items()}
    files = [exported.path, export_onnx(model, tmp_path / "fp16.onnx", weights="fp16")]
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())
    plain, rounded = (
        {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(file).graph.initializer} for file in files
    )
    for name, values in rounded.items():
        assert values.dtype == np.float32 or not name.endswith(".weight")
        expected = plain[name].astype(np.float16).astype(np.float32) if name.endswith(".weight") else plain[name]
        np.testing.assert_array_equal(values, expected)
    plain_bytes, rounded_bytes = (len(zlib.compress(file.read_bytes())) for file in files)
    assert rounded_bytes < 0.75 * plain_bytes
    with pytest.raises(ValueError, match="weights: expected one of fp32, fp16, got 'int8'"):
        export_onnx(model, tmp_path / "none.onnx", weights="int8")
