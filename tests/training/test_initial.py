"""Runs that begin with weights from a file: the first validation is the file's, and training goes on from there."""

import itertools
import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from tests.support import ROOT
from tests.support.networks import random_network
from training import model as model_module
from training.checkpoints import CheckpointError, load_checkpoint, load_model, save_checkpoint
from training.configs import lite
from training.data.loader import batches
from training.data.masks import MaskSceneSource
from training.data.preprocess import TRIMAP_SCALE, UNKNOWN
from training.data.samples import SceneSource
from training.export import export_onnx
from training.folding import fold_batch_norm
from training.foreign.importing import import_checkpoint
from training.foreign.writing import write_safetensors
from training.initial import initial_weights
from training.losses import alpha_loss
from training.model import CONFIGS, DeepImageMatting, ModelConfig
from training.run import Run
from training.salient import SalientConfig, SalientObjects
from training.settings import Settings, load_settings
from training.train import main
from training.unfolding import unfold_batch_norm

TINY = ModelConfig(width=0.0625, norm="batch", skip=True)
SALIENT = SalientConfig(width=0.0625)
PLAIN = ModelConfig(width=0.0625, conv6="3x3x512")
SHIPPED = ROOT / "dim_trt/weights/lite.onnx"
OPTIONS = ["--config", "lite", "--workers", "0", "--threads", "1"]


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", TINY)


@pytest.fixture
def tiny_settings(monkeypatch):
    monkeypatch.setattr(lite, "SETTINGS", Settings("tiny", crop_size=32, batch=2, learning_rate=3e-3, warmup_steps=3))


def network(config=TINY):
    return random_network(config, seed=0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One network in every form, and one without batch norm as ONNX: exporting takes seconds."""
    folder, model = tmp_path_factory.mktemp("weights"), network()
    save_checkpoint(folder / "net.pt", TINY, model.state_dict())
    export_onnx(model, folder / "net.onnx")
    export_onnx(network(PLAIN), folder / "plain.onnx")
    write_safetensors(import_checkpoint(folder / "net.pt"), folder / "net.safetensors")
    return folder


def alphas(model, seed=3):
    batch = next(batches(SceneSource(64), 4, seed))
    with torch.inference_mode():
        return model.eval()(batch.input), batch


@pytest.mark.parametrize("name", ["net.pt", "net.safetensors", "net.onnx", "bare.safetensors"])
def test_the_same_answer_from_each_form(files, name):
    if name == "bare.safetensors":
        safetensors = pytest.importorskip("safetensors.torch")
        safetensors.save_file(network().state_dict(), files / name)
    model = DeepImageMatting(TINY)
    model.load_state_dict(initial_weights(files / name, TINY, 32))
    expected, found = alphas(network())[0], alphas(model)[0]
    if name == "net.onnx":
        assert (found - expected).abs().max() < 1e-4
        assert (found - expected).abs().mean() < 1e-6
    else:
        assert torch.equal(found, expected)


def test_networks_without_norm_just_load(files):
    expected = network(PLAIN).state_dict()
    for name, values in initial_weights(files / "plain.onnx", PLAIN, 32).items():
        assert torch.equal(values, expected[name]), name


def test_what_batch_norm_leaves_free_is_as_at_the_beginning():
    """Weights have the norm of a fresh initialisation, statistics are those of scenes."""
    folded = fold_batch_norm(network())
    with torch.no_grad():
        folded.conv3_1.conv.weight[3] = 0  # a channel that learnt nothing
    plain = DeepImageMatting(replace(TINY, norm="none"))
    plain.load_state_dict(folded.state_dict())
    model = unfold_batch_norm(plain.eval(), TINY, 32)
    length = model.conv3_1.conv.weight.flatten(1).norm(dim=1)
    assert length[3] == 0
    assert torch.isfinite(model.conv3_1.norm.weight).all()
    np.testing.assert_allclose(length[[0, 1, 2]].detach(), 2**0.5, rtol=1e-5)
    outputs = []
    hook = model.conv2_2.norm.register_forward_hook(lambda _module, inputs, _output: outputs.append(inputs[0]))
    for batch in itertools.islice(batches(SceneSource(32), 16, seed=77), 6):
        with torch.inference_mode():
            model(batch.input)
    hook.remove()
    seen = torch.cat(outputs).double()
    np.testing.assert_allclose(model.conv2_2.norm.running_mean, seen.mean((0, 2, 3)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(model.conv2_2.norm.running_var, seen.var((0, 2, 3), correction=0), rtol=1e-3, atol=1e-6)


@pytest.fixture(scope="module")
def shipped():
    weights = initial_weights(SHIPPED, CONFIGS["lite"], 64)
    model = DeepImageMatting(CONFIGS["lite"])
    model.load_state_dict(weights)
    return model


def test_the_shipped_network_answers_as_its_file(shipped):
    session = pytest.importorskip("onnxruntime").InferenceSession(SHIPPED, providers=["CPUExecutionProvider"])
    found, batch = alphas(shipped)
    expected = torch.cat([torch.from_numpy(session.run(None, {"input": x[None].numpy()})[0]) for x in batch.input])
    assert (found - expected).abs().max() < 2e-3  # where rounding decides which of two pixels a pooling takes
    assert (found - expected).abs().mean() < 1e-5


def test_the_shipped_network_trains_on_without_a_collapse(shipped):
    settings = load_settings("lite", crop_size=64, batch=4, learning_rate=1e-3)
    run = Run(settings, torch.device("cpu"), 0)
    run.start_from(shipped.state_dict())

    def error(model):
        alpha, batch = alphas(model)
        return alpha_loss(alpha, batch.alpha, batch.unknown).item()

    before = error(run.average)
    assert before < 0.3
    for number, batch in enumerate(itertools.islice(batches(SceneSource(64), 4, seed=9), 12)):
        run.train_step(batch, number / 12, half=False)
    assert error(run.average) < before + 0.02
    assert error(run.model) < before + 0.1  # knowing nothing: about 0.35


def edited(files, name, change):
    proto = onnx.load(files / "net.onnx")
    change(proto, {entry.key: entry for entry in proto.metadata_props})
    onnx.save(proto, files / name)
    return files / name


def without_metadata(proto, _):
    del proto.metadata_props[:]


def renamed(proto, _):
    next(node for node in proto.graph.node if node.name == "conv2_1").name = "x"


def other_network(_, metadata):
    metadata["dim_trt.model"].value = json.dumps({"depth": 3})


def other_width(_, metadata):
    metadata["dim_trt.model"].value = json.dumps(TINY.to_dict() | {"width": 0.125})


def other_input(_, metadata):
    rules = json.loads(metadata["dim_trt.preprocessing"].value)
    metadata["dim_trt.preprocessing"].value = json.dumps(rules | {"mean": [1.0, 2.0, 3.0]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_metadata, r"was not written by training\.export .*no metadata dim_trt\.model, dim_trt\.preprocessing"),
        (renamed, r"was not written by training\.export .*it has no convolution conv2_1"),
        (other_network, r"was not written by training\.export .*its metadata describe no network"),
        (other_width, r"holds .*width=0\.125.* expected .*width=0\.0625.*choose the matching --config"),
        (other_input, "its network is fed otherwise than this program feeds"),
    ],
)
def test_onnx_files_that_are_not_ours_are_named(files, change, message):
    path = edited(files, "changed.onnx", change)
    with pytest.raises(CheckpointError, match=rf"changed\.onnx: {message}"):
        initial_weights(path, TINY, 32)


def test_damaged_files_are_named(files):
    for name in ("net.onnx", "net.safetensors", "net.pt"):
        path = files / f"half {name}"
        data = (files / name).read_bytes()
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(CheckpointError, match=rf"half {name}: .*truncated"):
            initial_weights(path, TINY, 32)
    for name in ("none.onnx", "none.safetensors", "none.pt"):
        with pytest.raises(CheckpointError, match=rf"{name}: (missing|no such)"):
            initial_weights(files / name, TINY, 32)


def test_a_run_starts_at_the_figures_of_the_file_and_keeps_them(files, folder, tmp_path, tiny_settings, capsys):
    options = [*OPTIONS, "--init", str(files / "net.onnx"), "--validate", str(folder), "--steps", "4"]
    main([*options, "--out", str(tmp_path / "run"), "--learning-rate", "0.9"])  # ruinous
    lines = [line for line in capsys.readouterr().out.splitlines() if "narrow SAD" in line]
    assert lines[0].startswith("minute 0.0 step 0: narrow SAD")
    saved = load_checkpoint(tmp_path / "run/checkpoint.pt")["training"]
    sads = [float(line.split("SAD")[1].split()[0]) for line in lines]
    assert saved["best"] == pytest.approx(min(sads), abs=0.006)
    if saved["step"] == 0:
        expected, found = (alphas(model)[0] for model in (network(), load_model(tmp_path / "run/checkpoint.pt")))
        assert (found - expected).abs().max() < 1e-4
    assert load_checkpoint(tmp_path / "run/last.pt")["training"]["step"] == 4


def test_a_network_that_finds_objects_answers_as_its_file(tmp_path):
    torch.manual_seed(4)
    expected = SalientObjects(SALIENT).eval()
    for name, values in expected.state_dict().items():
        if ".norm." in name and values.is_floating_point():
            values.copy_(torch.rand(values.shape) + 0.5)
    export_onnx(expected, tmp_path / "net.onnx")
    found = SalientObjects(SALIENT).eval()
    found.load_state_dict(initial_weights(tmp_path / "net.onnx", SALIENT, 64))
    batch = next(batches(MaskSceneSource(64), 4, 3))
    with torch.inference_mode():
        difference = (found(batch.input) - expected(batch.input)).abs()
    assert difference.max() < 1e-3
    assert difference.mean() < 1e-5


@pytest.mark.parametrize("name", ["net.pt", "net.onnx"])
def test_a_network_that_finds_objects_begins_with_one_for_matting(files, name):
    """Its encoder sees what the other's does where everything is unknown; its heads are new."""
    matting, salient = network(), SalientObjects(SALIENT).eval()
    salient.load_state_dict(initial_weights(files / name, SALIENT, 32))
    colors = next(batches(SceneSource(64), 2, 3)).input[:, :3]
    unknown = torch.full_like(colors[:, :1], UNKNOWN * TRIMAP_SCALE)
    with torch.inference_mode():
        expected = matting.conv1_2(matting.conv1_1(torch.cat([colors, unknown], 1)))
        found = salient.conv1_2(salient.conv1_1(colors))
    inside = (..., slice(2, -2), slice(2, -2))  # beyond the border the other's trimap is 0
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-4)
    assert not torch.equal(salient.head_deconv1.conv.weight, SalientObjects(SALIENT).head_deconv1.conv.weight)


def test_networks_that_have_nothing_in_common_are_named(files):
    with pytest.raises(CheckpointError, match=r"net\.pt: .*width and norm \(0\.0625, 'batch'\), expected \(0\.25, 'ba"):
        initial_weights(files / "net.pt", SalientConfig(width=0.25), 32)
    with pytest.raises(CheckpointError, match=r"begins with a checkpoint or an \.onnx file"):
        initial_weights(files / "net.safetensors", SALIENT, 32)
