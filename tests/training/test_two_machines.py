"""torchrun on two machines, which are network namespaces of this one: a process is lost, and the run goes on."""

import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
import torch.distributed

from tests.support import ROOT
from training import train as command
from training.checkpoints import load_checkpoint
from training.parallel import Processes

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
        reason="torch built without gloo",
    ),
]
ADDRESSES, PORT = ("10.231.7.1", "10.231.7.2"), 29517
STEPS, LAST_STEP = 4, 2
SMALL = ["--config", "lite", "--steps", str(STEPS), "--crop", "32", "--batch", "4", "--seed", "5", "--hard",
         "--workers", "0", "--threads", "1", "--device", "cpu"]  # fmt: skip


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def machines():
    """Two namespaces with a cable between them."""
    names, ends = [f"dim_trt{os.getpid()}{side}" for side in "ab"], [f"dt{os.getpid()}{side}" for side in "ab"]
    with ExitStack() as stack:
        for name in names:
            made = ip("netns", "add", name)
            if made.returncode:
                pytest.skip(f"no network namespaces here, which need root: {made.stderr.strip()}")
            stack.callback(ip, "netns", "delete", name)
        made = ip("link", "add", ends[0], "netns", names[0], "type", "veth", "peer", "name", ends[1], "netns", names[1])
        if made.returncode:
            pytest.skip(f"no cable between network namespaces here: {made.stderr.strip()}")
        for name, end, address in zip(names, ends, ADDRESSES, strict=True):
            for arguments in (
                ("address", "add", f"{address}/24", "dev", end),
                ("link", "set", end, "up"),
                ("link", "set", "lo", "up"),
            ):
                done = ip("-n", name, *arguments)
                assert done.returncode == 0, done.stderr
        yield list(zip(names, ends, ADDRESSES, strict=True))


def run(machines, out, *options, lost=""):
    """Of both machines: exit codes, and what was said on standard error. `lost`: the rank that dies in a step."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "LOST": lost}
    started = []
    for number, (name, end, address) in enumerate(machines):
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
        torchrun += ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"{ADDRESSES[0]}:{PORT}", "--rdzv-id", "test"]
        torchrun += ["--rdzv-conf", f"is_host={int(number == 0)}", "--local-addr", address]
        arguments = [__file__, *SMALL, "--out", str(out), *options]
        started.append(
            subprocess.Popen(
                ["ip", "netns", "exec", name, *torchrun, *arguments],
                env=environment | {"GLOO_SOCKET_IFNAME": end},
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
            )
        )
    try:
        said = [process.communicate(timeout=300)[1] for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    return [process.returncode for process in started], said


def test_a_run_that_lost_a_machine_goes_on_to_the_same_bits(machines, tmp_path):
    codes, said = run(machines, tmp_path / "whole")
    assert codes == [0, 0], said
    codes, said = run(machines, tmp_path / "lost", lost="1")
    assert 0 not in codes
    last = tmp_path / "lost" / "last.pt"
    sentence = f"another process of the run ended, or its machine cannot be reached; {last} is saved; go on with\n"
    assert said[0].count(sentence) == 1, said[0]
    assert re.search(r"\n  torchrun … -m training\.train --config lite .* --resume\n", said[0])
    assert f'File "{ROOT / "training"}' not in said[0]  # no traceback of ours
    assert load_checkpoint(last)["training"]["step"] == LAST_STEP
    codes, said = run(machines, tmp_path / "lost", "--resume")
    assert codes == [0, 0], said
    whole, resumed = (load_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "lost"))
    assert whole["training"]["step"] == resumed["training"]["step"] == STEPS
    for one, other in ((whole, resumed), (whole["training"], resumed["training"])):
        assert one["model"].keys() == other["model"].keys()
        assert all(torch.equal(value, other["model"][name]) for name, value in one["model"].items())
    assert torch.equal(
        whole["training"]["hard"]["error"].nan_to_num(-1), resumed["training"]["hard"]["error"].nan_to_num(-1)
    )


if __name__ == "__main__":  # one of the two processes
    average = Processes.average_gradients

    def average_or_die(self, model):
        average_or_die.steps += 1
        if os.environ["LOST"] == str(self.rank) and average_or_die.steps > LAST_STEP:
            os.kill(os.getpid(), signal.SIGKILL)
        average(self, model)

    average_or_die.steps = 0
    Processes.average_gradients = average_or_die
    sys.argv[0] = str(Path(command.__file__))
    command.main()
