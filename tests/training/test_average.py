"""The mean of several networks' weights."""

import itertools

import pytest
import torch

from tests.support.networks import random_network
from training.average import main
from training.checkpoints import load_checkpoint, load_model, save_checkpoint
from training.data.loader import batches
from training.data.samples import SceneSource
from training.export import export_onnx
from training.folding import fold_batch_norm
from training.model import ModelConfig

TINY = ModelConfig(width=0.0625, norm="batch", skip=True)
PLAIN = ModelConfig(width=0.0625, skip=True)


def saved(folder, config, seed):
    path = folder / f"{config.norm}-{seed}.pt"
    save_checkpoint(path, config, random_network(config, seed).state_dict(), {"step": 10 + seed, "seconds": 60.0})
    return path


@pytest.mark.parametrize("config", [TINY, PLAIN], ids=["batch norm", "none"])
def test_folded_weights_are_the_mean_of_those_given(tmp_path, config):
    paths = [saved(tmp_path, config, seed) for seed in range(3)]
    main([*map(str, paths), "-o", str(tmp_path / "mean.pt")])
    found = load_model(tmp_path / "mean.pt")
    assert found.config == config
    states = [fold_batch_norm(load_model(path)).state_dict() for path in paths]
    for name, weight in fold_batch_norm(found).state_dict().items():
        expected = torch.stack([state[name] for state in states]).mean(0)
        torch.testing.assert_close(weight, expected, rtol=1e-4, atol=1e-5)
    assert load_checkpoint(tmp_path / "mean.pt")["training"] == {"step": 33, "seconds": 180.0}


def test_networks_that_are_the_same_stay_so_in_any_form(tmp_path):
    path = saved(tmp_path, TINY, 0)
    export_onnx(load_model(path), tmp_path / "net.onnx")
    main([str(path), str(tmp_path / "net.onnx"), "-o", str(tmp_path / "mean.pt")])
    (batch,) = itertools.islice(batches(SceneSource(64), 2, 0), 1)
    alphas = [load_model(file)(batch.input) for file in (path, tmp_path / "mean.pt")]
    torch.testing.assert_close(*alphas, rtol=1e-3, atol=1e-4)


def test_what_cannot_be_averaged(tmp_path, capsys):
    paths, out = [saved(tmp_path, TINY, 0), saved(tmp_path, PLAIN, 0)], tmp_path / "mean.pt"
    with pytest.raises(SystemExit, match=r"none-0\.pt: holds ModelConfig.*norm='none'.*expected ModelConfig"):
        main([*map(str, paths), "-o", str(out)])
    with pytest.raises(SystemExit, match=r"lost\.pt: no such checkpoint"):
        main([str(paths[0]), str(tmp_path / "lost.pt"), "-o", str(out)])
    with pytest.raises(SystemExit):
        main([str(paths[0]), "-o", str(out)])
    assert "expected at least two" in capsys.readouterr().err
    assert not out.exists()
