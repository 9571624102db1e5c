"""The network that finds objects: what it learns from, its training, and its way to an engine."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from torch import nn

import dim_trt
from tests.support.compare import assert_within
from tests.support.pictures import random_picture
from training import salient as salient_module
from training.checkpoints import CheckpointError, load_checkpoint, load_model, load_network
from training.configs import salient as salient_config
from training.data.masks import (
    COUNTS,
    OBJECT_FAMILIES,
    MaskFolderSource,
    MaskSceneSource,
    check_masks,
    draw_masked,
    find_masks,
    read_masked,
)
from training.data.reading import UnreadableError
from training.data.samples import DataError
from training.evaluate import main as evaluate
from training.export import export_onnx
from training.mask_validation import MaskScore, find_objects, open_mask_validation, score_mask
from training.networks import SEGMENTATION
from training.salient import SALIENT_CONFIGS, SalientConfig, SalientObjects
from training.scenes.textures import Size
from training.settings import Settings, load_settings
from training.train import main

TINY = SalientConfig(width=1 / 16)
HEADS = ["conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3", *(f"deconv{i}" for i in range(6, 0, -1))]


def random_model(config: SalientConfig = TINY, seed: int = 0) -> SalientObjects:
    """Heads that say much, and batch norm that has seen something."""
    torch.manual_seed(seed)
    model = SalientObjects(config)
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and name.startswith("head_"):
            nn.init.normal_(module.weight, std=module.in_channels**-0.5)
    model.train()
    with torch.no_grad():
        model(torch.randn(2, 3, 64, 64))
    return model.eval()


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(salient_module.SALIENT_CONFIGS, "tiny", TINY)
    settings = Settings("tiny", crop_size=32, batch=2, learning_rate=1e-3, warmup_steps=3, task="segmentation")
    monkeypatch.setattr(salient_config, "SETTINGS", settings)


# the network


def test_every_head_sees_the_picture_and_nine_of_eleven_are_fused() -> None:
    model = random_model()
    with torch.inference_mode():
        maps = model.maps(torch.randn(2, 3, 64, 96))
    assert [name for name, _ in model.named_children() if name.startswith("head_")] == [f"head_{x}" for x in HEADS]
    assert {tuple(head.shape) for head in maps.heads} == {(2, 1, 64, 96)} == {tuple(maps.fused.shape)}
    assert_within(maps.fused.numpy(), model.fuse(torch.cat(maps.heads[2:], 1)).detach().numpy(), 0)
    assert model.fuse.conv.weight.shape == (1, 9, 1, 1)


def test_full_width_is_vgg16s() -> None:
    with torch.device("meta"):
        model = SalientObjects(SALIENT_CONFIGS["salient-full"])
    assert model.get_parameter("conv1_1.conv.weight").shape == (64, 3, 3, 3)
    assert model.get_parameter("conv6.conv.weight").shape == (512, 512, 3, 3)
    assert model.get_parameter("deconv1.conv.weight").shape == (64, 64, 5, 5)


@pytest.fixture(name="exported", scope="module", params=["batch", "none"])
def fixture_exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SalientObjects, Path]:
    """With batch norm and without."""
    model = random_model(SalientConfig(width=1 / 16, norm=request.param), seed=1)
    return model, export_onnx(model, tmp_path_factory.mktemp("exported") / "salient.onnx")


def test_the_engine_says_what_pytorch_says(exported: tuple[SalientObjects, Path], tmp_path: Path) -> None:
    """Pictures of any size, scaled to 320×320 and back."""
    model, path = exported
    dim_trt.build_plan(path, tmp_path / "salient.plan", backend="cpu")
    engine = dim_trt.Salient(tmp_path / "salient.plan", color="rgb", threads=2)
    assert engine.info["model"] == model.config.to_dict()
    for seed, size in enumerate([(320, 320), (211, 333), (401, 97)]):
        image = random_picture(seed, *size)[0]
        mask = engine.run(image)
        assert mask.max() - mask.min() > 0.1
        assert_within(mask, find_objects(model, image), 1e-4)


def test_the_exported_file_is_plain(exported: tuple[SalientObjects, Path]) -> None:
    """Without the heads that are there for training alone; layers have their names."""
    proto = onnx.load(exported[1])
    convolutions = [node.name for node in proto.graph.node if node.op_type == "Conv"]
    assert [name for name in convolutions if name.startswith("head_")] == [f"head_{name}" for name in HEADS[2:]]
    assert {node.op_type for node in proto.graph.node} == {
        "Concat", "Conv", "MaxPool", "MaxUnpool", "Relu", "Resize", "Sigmoid"
    }  # fmt: skip
    assert all(tensor.name.endswith((".weight", ".bias", "x.scales")) for tensor in proto.graph.initializer)
    assert [value.name for value in (*proto.graph.input, *proto.graph.output)] == ["input", "mask"]


# what it learns from


def test_drawn_pictures_hold_none_to_several_objects_and_some_reach_beyond() -> None:
    rng = np.random.default_rng(0)
    drawn = [one for family in OBJECT_FAMILIES for one in draw_masked(rng, Size(48, 64), family, 3)]
    assert {one.image.shape for one in drawn} == {(48, 64, 3)}
    assert {value for one in drawn for value in np.unique(one.mask)} == {0.0, 1.0}
    empty = [not one.mask.any() for one in drawn]
    assert 0 < sum(empty) < len(drawn) / 2
    at_borders = [
        bool(np.concatenate([one.mask[0], one.mask[-1], one.mask[:, 0], one.mask[:, -1]]).any()) for one in drawn
    ]
    assert 0 < sum(at_borders) < len(drawn)
    assert sum(COUNTS) == pytest.approx(1)


def test_samples_depend_on_the_seed_only() -> None:
    source = MaskSceneSource(32)
    first, again, other = (source.draw(np.random.default_rng(seed), 1, 2) for seed in (1, 1, 2))
    assert [sample.input.shape for sample in first] == [(3, 32, 32)] * 2
    for one, same in zip(first, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(first[0].input, other[0].input)
    assert first[0].unknown.all()


def picture_and_mask(seed: int, height: int = 40, width: int = 50) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((height, width), np.uint8)
    mask[8:30, 10 + seed : 40] = 255
    return random_picture(seed, height, width)[0], mask


LAYOUTS = {
    "MSRA-B": ("", "", ".jpg"),
    "DUTS": ("DUTS-TR-Image", "DUTS-TR-Mask", ".jpg"),
    "images and masks": ("images", "masks", ".png"),
    "imgs and gt": ("Imgs", "GT", ".jpg"),
}


def write(folder: Path, layout: str, count: int = 3) -> Path:
    pictures, masks, ending = LAYOUTS[layout]
    for name in (pictures, masks):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture, mask = picture_and_mask(number)
        cv2.imwrite(str(folder / pictures / f"{number}{ending}"), picture)
        cv2.imwrite(str(folder / masks / f"{number}.png"), mask)
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_folders_are_read_in_these_layouts(layout: str, tmp_path: Path) -> None:
    files = find_masks(write(tmp_path, layout))
    check_masks(files)
    assert [one.name for one in files] == ["0", "1", "2"]
    for number, one in enumerate(files):
        masked = read_masked(one)
        assert masked.image.shape == (40, 50, 3)
        assert np.array_equal(masked.mask, picture_and_mask(number)[1] / 255)
    samples = MaskFolderSource(tmp_path, 32).draw(np.random.default_rng(0), 1, 4)
    assert [(sample.input.shape, sample.alpha.shape) for sample in samples] == [((3, 32, 32), (1, 32, 32))] * 4
    assert all(0 < sample.alpha.mean() < 1 for sample in samples)


def test_masks_of_nothing_and_of_ones_are_read(tmp_path: Path) -> None:
    write(tmp_path, "MSRA-B", 2)
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((40, 50), np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), picture_and_mask(1)[1] // 255)
    empty, ones = (read_masked(one) for one in find_masks(tmp_path))
    assert not empty.mask.any()
    assert np.array_equal(ones.mask, picture_and_mask(1)[1] / 255)


def test_folders_that_are_no_such_layout_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: no such folder"):
        find_masks(tmp_path / "none")
    with pytest.raises(DataError, match=r"expected pictures with masks beside them"):
        find_masks(tmp_path)
    write(tmp_path, "MSRA-B")
    (tmp_path / "1.png").unlink()
    with pytest.raises(DataError, match=r"1\.jpg: has no mask of that name"):
        find_masks(tmp_path)
    (tmp_path / "1.jpg").unlink()
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((7, 9), np.uint8))
    with pytest.raises(DataError, match=r"2\.png: 9x7 pixels, but .*2\.jpg has 50x40"):
        check_masks(find_masks(tmp_path))
    with pytest.raises(UnreadableError, match=r"2\.png: 9x7 pixels, but .*2\.jpg has 50x40"):
        read_masked(find_masks(tmp_path)[1])
    for name in ("DUTS-TR-Image", "DUTS-TR-Mask", "DUTS-TE-Image", "DUTS-TE-Mask"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=r"several folders of pictures \(DUTS-TE-Image, DUTS-TR-Image\)"):
        find_masks(tmp_path)


# training


def test_a_run_validates_saves_and_goes_on_as_if_it_had_not_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "data", "DUTS")
    options = ["--config", "salient", "--steps", "4", "--workers", "0", "--threads", "1", "--data", str(folder)]
    main([*options, "--out", str(tmp_path / "whole")])
    parts = [*options, "--out", str(tmp_path / "parts"), "--validate", str(folder)]
    main([*parts, "--stop-at", "2"])
    assert load_checkpoint(tmp_path / "parts/last.pt", SEGMENTATION)["training"]["step"] == 2
    main([*parts, "--resume"])
    whole, resumed = (load_checkpoint(tmp_path / name / "last.pt", SEGMENTATION) for name in ("whole", "parts"))
    assert (whole["task"], whole["network"]) == ("segmentation", "salient")
    assert whole["training"]["step"] == resumed["training"]["step"] == 4
    for name, tensor in whole["training"]["model"].items():
        assert torch.equal(tensor, resumed["training"]["model"][name]), name
    assert "MAE" in capsys.readouterr().out
    model = load_network(tmp_path / "parts/checkpoint.pt")
    assert isinstance(model, SalientObjects)
    assert not model.training


def test_drawn_scenes_teach_every_head(tmp_path: Path) -> None:
    main(["--config", "salient", "--steps", "1", "--workers", "0", "--threads", "1", "--out", str(tmp_path)])
    torch.manual_seed(0)
    before = SalientObjects(TINY).state_dict()
    after = load_checkpoint(tmp_path / "last.pt", SEGMENTATION)["training"]["model"]
    for name in HEADS:
        assert not torch.equal(before[f"head_{name}.conv.weight"], after[f"head_{name}.conv.weight"]), name


def test_a_run_begins_with_the_weights_of_another(tmp_path: Path) -> None:
    options = ["--config", "salient", "--workers", "0", "--threads", "1"]
    main([*options, "--steps", "1", "--out", str(tmp_path / "first")])
    first = tmp_path / "first/checkpoint.pt"
    main([*options, "--steps", "1", "--out", str(tmp_path / "second"), "--init", str(first)])
    with pytest.raises(
        CheckpointError, match=r"expected task and network \('matting', 'dim'\).*another command or --c"
    ):
        load_model(first)
    with pytest.raises(SystemExit, match=r"\('segmentation', 'salient'\); it is for another command"):
        evaluate(["--checkpoint", str(first), "--scenes", "1"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--stage", "refiner"], "stage refiner: a network that finds objects is trained as a whole"),
        (["--backgrounds", "."], "--backgrounds: pictures with masks have their own"),
    ],
)
def test_what_is_for_matting_is_refused(option: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises((CheckpointError, DataError), match=message):
        main(["--config", "salient", "--steps", "1", "--out", str(tmp_path / "run"), "--workers", "0", *option])


def test_settings_for_matting_are_refused() -> None:
    for changes, message in (
        ({"bank": 8}, "bank: expected 0"),
        ({"gradient_loss": 1.0}, "gradient-loss: expected none"),
    ):
        with pytest.raises(ValueError, match=f"{message}, .* for segmentation"):
            load_settings("salient", **changes)


def test_masks_are_scored() -> None:
    truth = np.zeros((4, 4), np.float32)
    assert score_mask(truth, truth) == MaskScore(0, 1)
    truth[:2] = 1
    said = np.zeros((4, 4), np.float32)
    said[1:3] = 0.75
    assert score_mask(said, truth) == pytest.approx((4 * (1 + 0.25 + 0.75) / 16, 1 / 3))


def test_validation_is_of_held_out_scenes_and_folders(tmp_path: Path) -> None:
    folder = write(tmp_path / "pictures", "MSRA-B")
    validation = open_mask_validation([str(folder)])
    assert str(validation) == "pictures (3)"
    scores = validation.scores(lambda image: np.zeros(image.shape[:2], np.float32), lambda: False)
    assert scores is not None
    assert scores["pictures"].iou == 0
    assert validation.scores(lambda image: np.zeros(image.shape[:2], np.float32), lambda: True) is None
    scenes = open_mask_validation(["scenes"]).sets["scenes"]
    assert len(scenes) == 2 * len(OBJECT_FAMILIES)
    assert scenes[0].load().mask.shape == (288, 352)
