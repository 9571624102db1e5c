"""Two processes that share a batch take the step that one process would take on the whole of it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed

from training import model as model_module
from training.checkpoints import load_checkpoint
from training.data import DataError, SceneSource
from training.hard import HardExamples
from training.loader import batches
from training.model import ModelConfig
from training.parallel import Processes, join, leave
from training.run import Run
from training.settings import Settings

pytestmark = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()), reason="torch built without gloo"
)
ROOT = Path(__file__).parents[2]
SETTINGS = Settings("tiny", crop_size=32, batch=4, learning_rate=1e-3, warmup_steps=2)


def steps(processes, out):
    """Three steps with --hard on this process's share; what they lead to goes to `out`."""
    model_module.CONFIGS["tiny"] = ModelConfig(width=0.0625, norm="none", skip=True)
    torch.set_num_threads(1)
    source = SceneSource(32)
    run = Run(SETTINGS, torch.device("cpu"), 1, "all", HardExamples(source.weights), processes)
    data = batches(source, 4, seed=2, processes=processes)
    first = None
    for _ in range(3):
        run.train_step(next(data), 0.0, half=False)
        first = first or {name: weight.grad.clone() for name, weight in run.model.named_parameters()}
    torch.save({"gradients": first, "model": run.model.state_dict(), "error": torch.tensor(run.hard.error)}, out)


def free_port():
    with socket.socket() as free:
        try:
            free.bind(("127.0.0.1", 0))
        except OSError as error:
            pytest.skip(f"no local network for two processes to meet: {error}")
        return free.getsockname()[1]


def torchrun(*arguments):
    port = free_port()
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port)]
    return subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def test_two_processes_are_as_one_on_the_joint_batch(tmp_path):
    steps(Processes(), tmp_path / "one.pt")
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    both = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path)],
            env=os.environ | meeting | {"RANK": str(rank), "LOCAL_RANK": str(rank), "PYTHONPATH": str(ROOT)},
        )
        for rank in range(2)
    ]
    try:
        assert [process.wait(timeout=120) for process in both] == [0, 0]
    finally:
        for process in both:
            process.kill()
    one, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("one", "two0", "two1"))
    for kind in ("gradients", "model"):
        assert one[kind].keys() == first[kind].keys()
        for name, expected in one[kind].items():
            assert torch.equal(first[kind][name], second[kind][name]), name
            torch.testing.assert_close(first[kind][name], expected, rtol=1e-5, atol=1e-6)
    assert max(gradient.abs().max() for gradient in one["gradients"].values()) > 1e-3
    torch.testing.assert_close(first["error"], one["error"], equal_nan=True, rtol=1e-4, atol=1e-6)


def test_the_command(tmp_path):
    options = ["-m", "training.train", "--config", "lite", "--crop", "32", "--batch", "4", "--workers", "0"]
    done = torchrun(*options, "--steps", "2", "--threads", "1", "--out", str(tmp_path / "run"))
    assert load_checkpoint(tmp_path / "run/last.pt")["training"]["step"] == 2, done.stderr
    assert {path.name for path in (tmp_path / "run").glob("*.pt")} == {"last.pt", "checkpoint.pt"}


def test_batch_must_divide():
    with pytest.raises(DataError, match="batch: expected a multiple of the 2 processes, got 3"):
        next(batches(SceneSource(32), 3, seed=0, processes=Processes(0, 2)))


def test_alone_nothing_is_shared(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    processes = join(torch.device("cpu"))
    assert processes == Processes(0, 1)
    values = torch.ones(2)
    assert processes.sum(values) is values
    assert processes.first(1.5, torch.device("cpu")) == 1.5
    leave(processes)


if __name__ == "__main__":
    shared = join(torch.device("cpu"))
    steps(shared, Path(sys.argv[1]) / f"two{shared.rank}.pt")
    leave(shared)
