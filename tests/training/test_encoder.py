import numpy as np
import pytest
import torch
import torch.nn.functional as F

from training.checkpoints import CheckpointError
from training.data.preprocess import network_input
from training.encoder import FEATURES, LAYERS, NPZ_MEAN, fc6_from_npz, fc6_from_torchvision, load_vgg16, to_our_input
from training.model import DeepImageMatting, ModelConfig
from training.run import Run
from training.settings import Settings

CHANNELS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


def layers(seed=0):
    """VGG16's convolutions [out, in, 3, 3] and biases with small random values."""
    generator = torch.Generator().manual_seed(seed)
    inputs = (3, *CHANNELS[:-1])
    return {
        name: (torch.randn(cout, cin, 3, 3, generator=generator) / 50, torch.randn(cout, generator=generator))
        for name, cin, cout in zip(LAYERS, inputs, CHANNELS, strict=True)
    }


@pytest.fixture(scope="module")
def vgg():
    return layers()


@pytest.fixture(scope="module")
def torchvision_file(vgg, tmp_path_factory):
    state = {"classifier.6.bias": torch.zeros(1000)}
    for number, (weight, bias) in zip(FEATURES, vgg.values(), strict=True):
        state |= {f"features.{number}.weight": weight, f"features.{number}.bias": bias}
    torch.save(state, path := tmp_path_factory.mktemp("vgg") / "vgg16.pth")
    return path


@pytest.fixture(scope="module")
def npz_file(vgg, tmp_path_factory):
    arrays = {"fc8_b": np.zeros(1000, np.float32)}
    for name, (weight, bias) in vgg.items():
        arrays |= {f"{name}_W": weight.permute(2, 3, 1, 0).numpy(), f"{name}_b": bias.numpy()}
    np.savez(path := tmp_path_factory.mktemp("vgg") / "vgg16_weights.npz", **arrays)
    return path


@pytest.fixture(scope="module")
def model():
    with torch.device("meta"):  # random numbers for 26 million weights take a second
        empty = DeepImageMatting(ModelConfig(norm="batch"))
    return empty.to_empty(device="cpu")


def test_torchvision(model, vgg, torchvision_file):
    load_vgg16(model, torchvision_file)
    for name, (weight, bias) in vgg.items():
        conv = getattr(model, name).conv
        assert torch.equal(conv.weight[:, : weight.shape[1]], weight)
        assert torch.equal(conv.bias, bias)
    assert model.conv1_1.conv.weight.shape[1] == 4
    assert (model.conv1_1.conv.weight[:, 3] == 0).all()


def test_npz(model, vgg, npz_file):
    load_vgg16(model, npz_file)
    for name, (weight, bias) in list(vgg.items())[1:]:
        conv = getattr(model, name).conv
        assert torch.equal(conv.weight, weight)
        assert torch.equal(conv.bias, bias)
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    planes = torch.from_numpy(network_input(image, np.zeros((9, 7), np.uint8)))[None, :, :9, :7]
    ours = model.conv1_1.conv(planes)
    theirs = F.conv2d((torch.from_numpy(image) - torch.tensor(NPZ_MEAN)).permute(2, 0, 1)[None], *vgg["conv1_1"])
    torch.testing.assert_close(ours[..., 1:-1, 1:-1], theirs, rtol=1e-4, atol=1e-3)
    weight, bias = to_our_input(*vgg["conv1_1"])
    assert (weight.shape, bias.shape) == ((64, 3, 3, 3), (64,))


def test_fc6_is_the_same_layer_as_a_convolution():
    x = torch.randn(1, 5, 7, 7, dtype=torch.float64)
    torchvision, npz = torch.randn(11, 5 * 49, dtype=torch.float64), torch.randn(49 * 5, 11, dtype=torch.float64)
    torch.testing.assert_close(F.conv2d(x, fc6_from_torchvision(torchvision, 5)).flatten(), torchvision @ x.flatten())
    flattened = x[0].permute(1, 2, 0).flatten()
    torch.testing.assert_close(F.conv2d(x, fc6_from_npz(npz, 5)).flatten(), flattened @ npz)


def test_fc6_reaches_conv6(vgg, torchvision_file, tmp_path):
    """At full size, but of one number repeated: the file and the network stay small."""
    fc6 = {"classifier.0.weight": torch.tensor(0.25).expand(4096, 25088), "classifier.0.bias": torch.arange(4096.0)}
    torch.save(torch.load(torchvision_file, weights_only=True) | fc6, path := tmp_path / "vgg16.pth")
    with torch.device("meta"):
        model = DeepImageMatting(ModelConfig(conv6="7x7x4096"))
    for name in LAYERS:
        getattr(model, name).to_empty(device="cpu")
    model.conv6.to_empty(device="cpu")
    load_vgg16(model, path)
    assert model.conv6.conv.weight.shape == (4096, 512, 7, 7)
    assert (model.conv6.conv.weight[::500] == 0.25).all()
    assert torch.equal(model.conv6.conv.bias, torch.arange(4096.0))
    with pytest.raises(CheckpointError, match=r"has no classifier\.0\.weight"):
        load_vgg16(model, torchvision_file)


def test_errors_name_the_array(model, torchvision_file, npz_file, tmp_path):
    path = tmp_path / "bad.pth"
    state = torch.load(torchvision_file, weights_only=True)
    before = model.conv1_1.conv.weight.clone()
    torch.save(state | {"features.28.weight": torch.zeros(512, 512, 1, 1)}, path)
    with pytest.raises(CheckpointError, match=r"features\.28\.weight: expected shape \(512, 512, 3, 3\), got \(512"):
        load_vgg16(model, path)
    del state["features.5.bias"]
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"has no features\.5\.bias; expected features\.0\.weight"):
        load_vgg16(model, path)
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match=r"bad\.pth: expected a state dict"):
        load_vgg16(model, path)
    np.savez(tmp_path / "bad.npz", conv1_1_W=np.zeros((64, 3, 3, 3), np.float32))
    with pytest.raises(CheckpointError, match=r"conv1_1_W: expected shape \(3, 3, 3, 64\), got \(64, 3, 3, 3\)"):
        load_vgg16(model, tmp_path / "bad.npz")
    for name, content in (("text.pth", b"text"), ("text.npz", b"text"), ("half.npz", npz_file.read_bytes()[:999])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=f"{name}: missing or unreadable"):
            load_vgg16(model, tmp_path / name)
    with pytest.raises(CheckpointError, match=r"none\.npz: missing or unreadable"):
        load_vgg16(model, tmp_path / "none.npz")
    assert torch.equal(model.conv1_1.conv.weight, before)


def test_other_widths_are_refused(torchvision_file):
    run = Run(Settings("lite", crop_size=32, batch=2, learning_rate=1e-3), torch.device("cpu"), 0)
    with pytest.raises(CheckpointError, match=r"fits width 1\.0 only, this network has width 0\.25"):
        run.start_from_vgg16(torchvision_file)
