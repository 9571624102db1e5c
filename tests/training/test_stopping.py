"""Whatever ends a run, nothing is lost but what the message says."""

import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
import torch

from tests.support import ROOT
from training import keeping
from training import model as model_module
from training.checkpoints import load_checkpoint
from training.configs import lite
from training.model import ModelConfig
from training.options import resume_command
from training.run import Run
from training.settings import Settings
from training.stopping import SIGNALS, stops_when_asked
from training.train import main

resource = pytest.importorskip("resource", reason="limits on file sizes need a POSIX system")

OPTIONS = ["--config", "lite", "--workers", "0", "--threads", "1", "--seed", "7", "--steps", "12"]
LIMIT_S = 300
FEW_CPUS = "ignore::UserWarning:torch.utils.data.dataloader"  # PyTorch warns of more workers than there are CPUs


def tiny():
    model_module.CONFIGS["tiny"] = ModelConfig(width=0.0625, norm="batch", skip=True)
    lite.SETTINGS = Settings("tiny", crop_size=32, batch=2, learning_rate=3e-3, warmup_steps=3)


@pytest.fixture(autouse=True)
def fixture_heard():
    """Ctrl-C is heard, here and in the processes that are started: a shell has it ignored by what it runs behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch):
    monkeypatch.setitem(model_module.CONFIGS, "tiny", None)
    monkeypatch.setattr(lite, "SETTINGS", None)
    tiny()


def at_step(monkeypatch, number, act):
    """`act` in the middle of the step after `number` others."""
    step = Run.train_step

    def acting(run, batch, progress, half):
        if run.step == number:
            act()
        return step(run, batch, progress, half)

    monkeypatch.setattr(Run, "train_step", acting)


def weights(path):
    return load_checkpoint(path)["training"]["model"]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_finishes_the_step_and_saves(tmp_path, monkeypatch, capfd, number):
    main([*OPTIONS, "--out", str(tmp_path / "whole")])
    handler = signal.getsignal(number)
    with monkeypatch.context() as patch:
        at_step(patch, 4, lambda: os.kill(os.getpid(), number))
        with pytest.raises(SystemExit) as stopped:
            main([*OPTIONS, "--out", str(tmp_path / "parts")])
    assert stopped.value.code == 128 + number
    assert signal.getsignal(number) == handler
    last = tmp_path / "parts/last.pt"
    assert load_checkpoint(last)["training"]["step"] == 5
    said = capfd.readouterr().err
    assert ("once more stops at once" in said) == (number == signal.SIGINT)
    command = said[said.index(f"stopped; {last} is saved; go on with\n  python -m training.train") :].splitlines()[1]
    main(shlex.split(command)[3:])
    for name, value in weights(tmp_path / "whole/last.pt").items():
        assert torch.equal(value, weights(last)[name]), name


def test_a_second_interrupt_stops_at_once(tmp_path, monkeypatch):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)  # as torchrun does after an interrupt
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("it went on")

    at_step(monkeypatch, 4, twice)
    with pytest.raises(SystemExit) as stopped:
        main([*OPTIONS, "--out", str(tmp_path)])
    assert stopped.value.code == 130
    assert not list(tmp_path.glob("*.pt"))


def test_signals_that_are_ignored_stay_so():
    """nohup ignores SIGHUP, and a shell interrupts in what it runs in the background."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stops_when_asked() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.number == 0
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.number == signal.SIGTERM
    finally:
        signal.signal(signal.SIGHUP, before)


def test_validation_gives_way_to_a_signal(tmp_path, monkeypatch, folder):
    """It may take minutes; what is left of a scheduler's grace is for saving."""
    asked = []
    monkeypatch.setattr("training.validation.predict", lambda *_: asked.append(1))
    at_step(monkeypatch, 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit):
        main([*OPTIONS, "--out", str(tmp_path / "run"), "--validate", str(folder)])
    assert not asked
    assert load_checkpoint(tmp_path / "run/last.pt")["training"]["step"] == 2


def test_a_run_that_learnt_nothing_claims_no_folder(tmp_path, monkeypatch, capfd):
    def fails(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(Run, "train_step", fails)
        with pytest.raises(
            SystemExit, match="not enough memory: choose a smaller --batch or --crop; nothing was saved"
        ):
            main([*OPTIONS, "--out", str(tmp_path)])
    main([*OPTIONS[:-1], "1", "--out", str(tmp_path)])


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (RuntimeError("DataLoader worker (pid 9) is killed by signal: Killed."), SystemExit, "fewer --workers"),
        (ZeroDivisionError("a fault of the program"), ZeroDivisionError, "a fault of the program"),
    ],
)
def test_every_other_end_saves(tmp_path, monkeypatch, error, raised, message):
    def fail():
        raise error

    at_step(monkeypatch, 4, fail)
    with pytest.raises(raised, match=message):
        main([*OPTIONS, "--out", str(tmp_path)])
    assert load_checkpoint(tmp_path / "last.pt")["training"]["step"] == 4


def test_weights_in_the_middle_of_a_step_are_not_saved(tmp_path, monkeypatch):
    main([*OPTIONS, "--out", str(tmp_path), "--stop-at", "2"])

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("training.run.update_average", fail)
    before = (tmp_path / "last.pt").read_bytes()
    with pytest.raises(ZeroDivisionError):
        main([*OPTIONS, "--out", str(tmp_path), "--resume"])
    assert (tmp_path / "last.pt").read_bytes() == before


def test_a_full_disk_in_a_run_costs_checkpoints_and_not_the_run(tmp_path, monkeypatch, capsys):
    options = [*OPTIONS, "--out", str(tmp_path), "--every", "1e-6"]
    main([*options, "--stop-at", "2"])
    before = (tmp_path / "last.pt").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def disk(most):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))

    try:
        with monkeypatch.context() as patch:
            at_step(patch, 3, lambda: disk(100_000))
            with pytest.raises(
                SystemExit, match=r"cannot write the checkpoint .*the older one is untouched: make room"
            ):
                main([*options, "--stop-at", "6", "--resume"])
        assert capsys.readouterr().out.count("training goes on") == 3
        kept = load_checkpoint(tmp_path / "last.pt")["training"]["step"]
        assert kept == 3
        at_step(monkeypatch, 5, lambda: disk(limits[0]))
        disk(100_000)
        main([*options, "--resume"])
    finally:
        disk(limits[0])
        signal.signal(signal.SIGXFSZ, handler)
    assert load_checkpoint(tmp_path / "last.pt")["training"]["step"] == 12
    assert before != (tmp_path / "last.pt").read_bytes()
    assert not list(tmp_path.glob(keeping.UNFINISHED))


def started(out, *more):
    """A run in a session of its own, so that a signal can be sent to it and its workers alone."""
    command = [sys.executable, __file__, *OPTIONS[:-1], "100000", "--workers", "2", "--out", str(out), *more]
    return subprocess.Popen(
        command,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": FEW_CPUS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(path, process):
    limit = time.monotonic() + LIMIT_S
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_an_interrupt_of_a_terminal_reaches_workers_and_nobody_complains(tmp_path):
    with started(tmp_path, "--every", "0.001") as process:
        wait_for(tmp_path / "last.pt", process)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line.strip()]
    assert [line.split(";")[0] for line in lines] == [
        "stopping after this step",
        "stopped",
        f"  {resume_command(process.args[2:])}",
    ]


def test_kill_9_loses_what_came_after_the_last_checkpoint(tmp_path):
    with started(tmp_path, "--every", "0.001") as process:
        wait_for(tmp_path / "last.pt", process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == -signal.SIGKILL
    (tmp_path / ".dim_trt-0123.tmp").write_bytes(b"half")  # as if in the middle of writing
    step = load_checkpoint(tmp_path / "last.pt")["training"]["step"]
    assert step > 0
    main([*OPTIONS[:-1], str(step + 2), "--out", str(tmp_path), "--resume"])
    assert load_checkpoint(tmp_path / "last.pt")["training"]["step"] == step + 2
    assert not list(tmp_path.glob(".dim_trt*"))


def test_what_to_type_to_go_on():
    begun = ["--steps", "9", "--init", "a b.pt", "--stop-at=3", "--out", "my runs"]
    assert resume_command(begun) == "python -m training.train --steps 9 --out 'my runs' --resume"
    assert resume_command(["--encoder=x.npz", "--resume", "--hard"]) == "python -m training.train --hard --resume"


if __name__ == "__main__":  # the process that is stopped
    tiny()
    main(sys.argv[1:])
