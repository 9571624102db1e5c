import hashlib

import onnx
import pytest
import torch

from training import figures as figures_module
from training.card import BEGIN, END, SHIPPED, main
from training.checkpoints import save_checkpoint
from training.export import fold_batch_norm, rounded
from training.model import DeepImageMatting, ModelConfig
from training.salient import SalientConfig, SalientObjects

TINY = ModelConfig(width=0.0625, norm="batch", skip=True)


@pytest.mark.parametrize("shipped", SHIPPED.values(), ids=lambda shipped: shipped.onnx.name)
def test_card_is_about_the_shipped_weights(shipped):
    digest = hashlib.sha256(shipped.onnx.read_bytes()).hexdigest()
    assert digest in shipped.card.read_text(encoding="utf-8"), "the weights are new: run python -m training.card"


def write_onnx(path, model, weights="fp32"):
    """A file with the weights only: exporting takes seconds."""
    state = rounded(fold_batch_norm(model), weights).state_dict()
    tensors = [
        onnx.numpy_helper.from_array(value.numpy(), name.replace(".conv.", ".")) for name, value in state.items()
    ]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "weights", [], [], tensors)), path)


@pytest.fixture
def options(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(figures_module, "FAMILIES", {"solid": None})
    monkeypatch.setattr(figures_module, "OBJECT_FAMILIES", ["solid"])
    (folder / "trimap2").mkdir()
    (folder / "trimap2/a.png").write_bytes((folder / "trimap1/a.png").read_bytes())
    model = DeepImageMatting(TINY)
    save_checkpoint(tmp_path / "c.pt", TINY, model.state_dict(), {"step": 12, "seconds": 90.0})
    write_onnx(tmp_path / "dim.onnx", model)
    (tmp_path / "card.md").write_text(f"before\n{BEGIN}old\n{END}after\n")
    paths = {"checkpoint": "c.pt", "onnx": "dim.onnx", "card": "card.md"}
    given = [text for name, path in paths.items() for text in (f"--{name}", str(tmp_path / path))]
    return [*given, "--alphamatting", str(folder), "--scenes", "1", "--hardware", "an abacus"]


def test_figures_stand_between_the_markers(tmp_path, options):
    main(options)
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n| | |\n")
    assert text.endswith(f" |\n\n{END}after\n")
    assert "old" not in text
    assert hashlib.sha256((tmp_path / "dim.onnx").read_bytes()).hexdigest() in text
    assert "| training | 12 steps in 2 minutes; an abacus |" in text
    assert "mean of n = 1 pictures" in text
    assert "| alpha = 0.5 | 0.23 | 90.0 | 0.23 | 90.0 |" in text  # 17 · 45 pixels, 0.5 instead of 0.2
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    assert rows[-4:] == ["family", "---", "solid", "mean"]
    main(options)
    assert (tmp_path / "card.md").read_text(encoding="utf-8") == text


def test_other_weights_are_refused(tmp_path, options):
    model = DeepImageMatting(TINY)
    write_onnx(tmp_path / "dim.onnx", model)
    with pytest.raises(SystemExit, match=r"dim\.onnx: conv1_1\.conv\.weight differs from the checkpoint's; export"):
        main(options)
    (tmp_path / "dim.onnx").unlink()
    with pytest.raises(SystemExit, match=r"dim\.onnx: no such file; write it with"):
        main(options)


def test_a_card_without_markers_is_left_alone(tmp_path, options):
    (tmp_path / "card.md").write_text("nothing")
    with pytest.raises(SystemExit, match="the card needs one line <!-- figures"):
        main(options)
    assert (tmp_path / "card.md").read_text() == "nothing"


def test_the_card_of_a_network_that_finds_objects(tmp_path, options):
    config = SalientConfig(width=0.0625)
    model = SalientObjects(config).eval()
    with torch.no_grad():
        for values in model.parameters():  # of equal tensors the exporter keeps one
            values.uniform_(-0.1, 0.1)
    save_checkpoint(tmp_path / "c.pt", config, model.state_dict(), {"step": 3, "seconds": 60.0})
    write_onnx(tmp_path / "dim.onnx", model, "fp16")
    main(options)
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "| training | 3 steps in 1 minutes; an abacus |" in text
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    assert rows[-8:] == ["picture", "---", "a", "mean", "family of the first object", "---", "solid", "mean"]
    write_onnx(tmp_path / "dim.onnx", model)
    with pytest.raises(SystemExit, match=r"dim\.onnx: conv1_1\.conv\.weight differs from the checkpoint's; export"):
        main(options)
