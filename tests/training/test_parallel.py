"""Two processes that share a batch take the step that one process would take on the whole of it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed

from tests.support import ROOT
from training import model as model_module
from training import train as command
from training.checkpoints import load_checkpoint
from training.data.hard import HardExamples
from training.data.loader import batches
from training.data.samples import DataError, SceneSource
from training.model import ModelConfig
from training.parallel import Processes, join, leave
from training.run import Run
from training.settings import Settings

pytestmark = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()), reason="torch built without gloo"
)
SETTINGS = Settings("tiny", crop_size=32, batch=4, learning_rate=1e-3, warmup_steps=2)


def steps(processes, out):
    """Three steps with --hard on this process's share; what they lead to goes to `out`."""
    model_module.CONFIGS["tiny"] = ModelConfig(width=0.0625, norm="none", skip=True)
    torch.set_num_threads(1)
    source = SceneSource(32)
    run = Run(SETTINGS, torch.device("cpu"), 1, "all", HardExamples(source.names, source.weights), processes)
    data = batches(source, 4, seed=2, processes=processes)
    first = None
    for _ in range(3):
        run.train_step(next(data), 0.0, half=False)
        first = first or {name: weight.grad.clone() for name, weight in run.model.named_parameters()}
    agreed = processes.agree(10.0 - processes.rank, 2 * processes.rank, torch.device("cpu"))
    torch.save(
        {"agreed": agreed, "gradients": first, "model": run.model.state_dict(), "error": torch.tensor(run.hard.error)},
        out,
    )


def needs_local_network():
    with socket.socket() as server:
        try:
            server.bind(("127.0.0.1", 0))
        except OSError as error:
            pytest.skip(f"no local network for two processes to meet: {error}")


@pytest.fixture(scope="module")
def folder_of_two(tmp_path_factory):
    """What two processes of torchrun write: starting them takes seconds, so one start serves all tests."""
    needs_local_network()
    folder = tmp_path_factory.mktemp("two")
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*start, "--standalone", "--local_addr", "127.0.0.1", __file__, str(folder)],  # at a port that it finds free
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_two_processes_are_as_one_on_the_joint_batch(folder_of_two, tmp_path):
    steps(Processes(), tmp_path / "one.pt")
    one, first, second = (torch.load(path) for path in (tmp_path / "one.pt", *sorted(folder_of_two.glob("two*.pt"))))
    for kind in ("gradients", "model"):
        assert one[kind].keys() == first[kind].keys()
        for name, expected in one[kind].items():
            assert torch.equal(first[kind][name], second[kind][name]), name
            torch.testing.assert_close(first[kind][name], expected, rtol=1e-5, atol=1e-6)
    assert max(gradient.abs().max() for gradient in one["gradients"].values()) > 1e-3
    torch.testing.assert_close(first["error"], one["error"], equal_nan=True, rtol=1e-4, atol=1e-6)


def test_two_processes_agree_on_the_time_and_on_when_to_stop(folder_of_two):
    """The first one's clock, and a signal that the second alone was sent."""
    assert [torch.load(path)["agreed"] for path in folder_of_two.glob("two*.pt")] == [(10.0, 2)] * 2


def test_the_command(folder_of_two):
    assert load_checkpoint(folder_of_two / "run/last.pt")["training"]["step"] == 2
    assert {path.name for path in (folder_of_two / "run").glob("*.pt")} == {"last.pt", "checkpoint.pt"}


def test_batch_must_divide():
    with pytest.raises(DataError, match="batch: expected a multiple of the 2 processes, got 3"):
        next(batches(SceneSource(32), 3, seed=0, processes=Processes(0, 2)))


def test_alone_nothing_is_shared(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    processes = join(torch.device("cpu"))
    assert processes == Processes(0, 1)
    values = torch.ones(2)
    assert processes.sum(values) is values
    assert processes.agree(1.5, 15, torch.device("cpu")) == (1.5, 15)
    leave(processes)


if __name__ == "__main__":  # one of the two processes
    target = Path(sys.argv[1])
    command.leave = lambda _: None  # they meet once
    small = ["--crop", "32", "--batch", "4", "--workers", "0", "--threads", "1", "--device", "cpu"]
    command.main(["--config", "lite", "--steps", "2", *small, "--out", str(target / "run")])
    shared = Processes(torch.distributed.get_rank(), torch.distributed.get_world_size())
    steps(shared, target / f"two{shared.rank}.pt")
    leave(shared)
