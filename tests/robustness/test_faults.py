"""What goes wrong around the program: disks, folders, libraries, memory, files that change under it."""

from __future__ import annotations

import ast
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import dim_trt
from dim_trt import _core
from tests.support import ROOT
from tests.support.networks import random_picture
from tests.support.stand_ins import tiny_plan

SECONDS = 120.0
SAMPLE = ["--image", ROOT / "samples/astronaut.png", "--trimap", ROOT / "samples/astronaut_trimap.png"]
PICTURE = random_picture(0, 33, 45)


def command(*arguments: object, cwd: Path | None = None, prefix: list[str] = [], **env: str) -> tuple[int, str]:  # noqa: B006
    """Exit code and stderr of `dim-trt` with these arguments."""
    run = subprocess.run(
        [*prefix, sys.executable, "-W", "error", "-m", "dim_trt", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}", **env},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return run.returncode, run.stderr


def python(code: str, *arguments: object) -> str:
    """What a new interpreter prints; it must end well."""
    program = textwrap.dedent(code)
    run = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


# Disks


def full_disk(folder: Path, kilobytes: int) -> list[str]:
    """Command prefix that puts a file system of its own, with so much room, on `folder`."""
    mount = f"mount -t tmpfs -o size={kilobytes}k none {folder}"
    for prefix in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        try:
            if subprocess.run([*prefix, "sh", "-c", mount], capture_output=True, check=False).returncode == 0:
                return [*prefix, "sh", "-c", f'{mount} && "$@"; code=$?; ls -A {folder} >&2; exit $code', "sh"]
        except FileNotFoundError:
            break
    pytest.skip("no file system may be mounted here")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["build", "-o", "DISK/dim.plan"], "plan"),
        (["matte", *SAMPLE, "--plan", "PLAN", "-o", "DISK/alpha.png"], "picture"),
        (["trimap", "mask", SAMPLE[3], "-o", "DISK/trimap.png"], "picture"),
    ],
    ids=["build", "matte", "trimap"],
)
def test_disk_full(plan: Path, tmp_path: Path, arguments: list[str], what: str) -> None:
    """One line, and nothing is left on the disk."""
    disk = tmp_path / "disk"
    disk.mkdir()
    arguments = [str(a).replace("DISK", str(disk)).replace("PLAN", str(plan)) for a in arguments]
    code, said = command(*arguments, prefix=full_disk(disk, 4))
    assert code == 1
    assert f"error: cannot write {what} " in said
    assert said.strip().splitlines()[-1].endswith("No space left on device"), said  # so `ls` had nothing to say


def test_a_file_that_may_not_grow_leaves_the_old_one(plan: Path, tmp_path: Path) -> None:
    """As with a quota: the write fails in the middle."""
    target = tmp_path / "dim.plan"
    shutil.copy(plan, target)
    before = target.read_bytes()
    code = """
        import resource, sys, dim_trt
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            dim_trt.build_plan("lite", sys.argv[1])
        except dim_trt.BuildError as error:
            print(error)
    """
    assert "File too large" in python(code, target)
    assert target.read_bytes() == before
    assert os.listdir(tmp_path) == ["dim.plan"]  # noqa: PTH208


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [["info", "PLAN"], ["doctor"]], ids=["info", "doctor"])
def test_output_that_cannot_be_printed(plan: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        run = subprocess.run(
            [sys.executable, "-m", "dim_trt", *(a.replace("PLAN", str(plan)) for a in arguments)],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    assert (run.returncode, run.stderr) == (1, "error: cannot print: No space left on device\n")


def test_a_writer_that_is_killed_leaves_an_old_or_a_new_file(plan: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.plan"
    small, large = b"small" * 10, b"large" * 1_000_000
    code = textwrap.dedent("""
        import sys
        from dim_trt.files import write_atomic
        small, large = b"small" * 10, b"large" * 1_000_000
        print("ready", flush=True)
        while True:
            write_atomic(sys.argv[1], [small])
            write_atomic(sys.argv[1], [large])
    """)
    rng = random.Random(0)
    for _ in range(8):
        writer = subprocess.Popen([sys.executable, "-c", code, target], cwd=ROOT, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.05))
        writer.kill()
        writer.communicate()
        assert not target.exists() or target.read_bytes() in (small, large)
    assert target.exists()


def test_a_command_that_is_terminated_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """As service managers, batch systems and `timeout` do it; in the middle of writing."""
    target = tmp_path / "a.plan"
    target.write_text("old")
    code = """
        import signal, sys
        from dim_trt.command import run_command
        from dim_trt.files import replaced

        def work(_):
            with replaced(sys.argv[1]) as temporary:
                temporary.write_text("half")
                print("ready", flush=True)
                signal.pause()

        sys.exit(run_command("test", None, lambda parser: None, work, []))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), target]
    writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    assert len(list(tmp_path.iterdir())) == 2
    writer.terminate()
    writer.communicate(timeout=SECONDS)
    assert writer.returncode == 128 + signal.SIGTERM
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


# The cache


def test_read_only_cache_folder(tmp_path: Path) -> None:
    """What is in it is used; what is not is refused with what to do."""
    disk = tmp_path / "disk"
    disk.mkdir()
    prefix = full_disk(disk, 20_000)
    prefix[-2] = prefix[-2].replace('"$@"', f'cp {tmp_path}/cached/* {disk}; mount -o remount,ro {disk}; "$@"')
    (tmp_path / "cached").mkdir()
    (tmp_path / "cached" / "other").write_text("")
    arguments = ["matte", *SAMPLE, "-o", tmp_path / "alpha.png"]
    code, said = command(*arguments, prefix=prefix, DIM_TRT_CACHE=str(disk))
    assert code == 1
    assert "Read-only file system; set DIM_TRT_CACHE to a folder that can be written" in said
    assert command(*arguments, DIM_TRT_CACHE=str(tmp_path / "cached"))[0] == 0
    assert command(*arguments, prefix=prefix, DIM_TRT_CACHE=str(disk))[0] == 0


def test_a_cache_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, said = command("matte", *SAMPLE, "-o", tmp_path / "a.png", DIM_TRT_CACHE=str(tmp_path / "file" / "cache"))
    assert code == 1
    assert said.splitlines()[-1].startswith("error: cannot make the cache folder")
    assert "set DIM_TRT_CACHE to a folder that can be written" in said


def test_a_cache_that_many_processes_fill_at_once(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import sys, numpy as np, dim_trt
        from dim_trt.plans.cache import shipped_plan
        sys.stdin.readline()
        img, trimap = np.zeros((33, 45, 3), np.uint8), np.zeros((33, 45), np.uint8)
        trimap[9:20] = 128
        for _ in range(3):
            print(dim_trt.Engine(shipped_plan(), threads=1).run(img, trimap).tobytes().hex())
    """)
    environment = {**os.environ, "DIM_TRT_CACHE": str(tmp_path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    results = set()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        results.update(process.communicate(timeout=SECONDS)[0].split())
        assert process.returncode == 0
    assert len(results) == 1
    assert [path.suffix for path in tmp_path.iterdir()] == [".plan"]


# Plans that change


def test_a_plan_replaced_while_it_is_loaded(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path)
    good = plan.read_bytes()
    engine = dim_trt.Engine(plan)
    expected = engine.run(*PICTURE)
    for change in (
        lambda: plan.write_bytes(b""),  # in place: whoever maps a file gets SIGBUS
        lambda: plan.write_bytes(bytes(len(good))),
        lambda: os.truncate(plan, 100),
        plan.unlink,
        lambda: plan.mkdir(),
    ):
        change()
        np.testing.assert_array_equal(engine.run(*PICTURE), expected)
        with pytest.raises(dim_trt.PlanError):
            dim_trt.Engine(plan)
    plan.rmdir()
    plan.write_bytes(good)
    np.testing.assert_array_equal(dim_trt.Engine(plan).run(*PICTURE), expected)


def test_a_plan_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """A plan that works, or a PlanError; SHA-256 is over what was read, not over the file."""
    plan = tiny_plan(tmp_path)
    expected = dim_trt.Engine(plan).run(*PICTURE)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, plan], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    loaded = refused = 0
    try:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            try:
                engine = dim_trt.Engine(plan)
            except dim_trt.PlanError:
                refused += 1
            else:
                loaded += 1
                np.testing.assert_array_equal(engine.run(*PICTURE), expected)
    finally:
        writer.kill()
        writer.communicate()
    assert loaded + refused > 10
    assert refused > 0


WRITER = """
import sys
data = open(sys.argv[1], "rb").read()
print("ready", flush=True)
while True:
    with open(sys.argv[1], "r+b") as file:
        file.write(data[: len(data) // 2])
        file.truncate()
        file.flush()
        file.write(data[len(data) // 2 :])
"""


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/", "/proc/self/mem", "none/a.plan"])
def test_what_is_no_plan_is_refused_at_once(path: str) -> None:
    """Also what has no end, and what says it is large."""
    with pytest.raises(dim_trt.PlanError):
        dim_trt.Engine(path)


def test_a_huge_file_that_is_no_plan_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.plan").open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(dim_trt.PlanError, match="is not a dim_trt plan"):
        dim_trt.Engine(tmp_path / "a.plan")


# Libraries and memory


def test_a_missing_library_is_one_sentence(tmp_path: Path) -> None:
    """The compiled module asks for a library that is not there: its own copy, with the library's name changed."""
    package = tmp_path / "dim_trt"
    core = Path(_core.__file__)
    shutil.copytree(ROOT / "dim_trt", package, ignore=shutil.ignore_patterns("*.so", "weights", "__pycache__"))
    data = core.read_bytes()
    assert b"libstdc++.so.6" in data
    (package / core.name).write_bytes(data.replace(b"libstdc++.so.6", b"libstdc++.so.9"))
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.meta_path[:] = "
         "[f for f in sys.meta_path if isinstance(f, type)]; import dim_trt"],
        cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    last = run.stderr.strip().splitlines()[-1]
    assert run.returncode == 1
    assert last.startswith("ImportError: dim_trt._core cannot be loaded: "), run.stderr
    assert "libstdc++.so.9" in last
    assert "apt-get install libstdc++6" in last


@pytest.mark.measures
@pytest.mark.parametrize("what", ["run", "foreground"])
def test_too_little_memory_is_an_error_and_the_engine_goes_on(plan: Path, what: str) -> None:
    """At every limit: the result, or MemoryError; never a crash, never a wrong result. Threads' stacks count, too."""
    code = """
        import ctypes, resource, sys
        import numpy as np
        import dim_trt
        from dim_trt import foreground
        engine = dim_trt.Engine(sys.argv[1], threads=2)
        ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX: threads' heaps are no reserve
        img = np.random.default_rng(0).integers(0, 256, (801, 803, 3), np.uint8)
        trimap = np.full(img.shape[:2], 128, np.uint8)
        trimap[:9] = 0
        small = img[:99, :97], trimap[:99, :97]
        expected = engine.run(*small)
        foreground.estimate(small[0], expected)  # all is imported now
        out = np.full(trimap.shape, 0.5, np.float32)
        outcomes = []
        for megabytes in (0, 1, 2, 4, 8, 16, 24, 32, 48, 64, 128, 512):
            size = int(open("/proc/self/statm").read().split()[0]) * 4096
            resource.setrlimit(resource.RLIMIT_AS, (size + (megabytes << 20), resource.RLIM_INFINITY))
            try:
                if sys.argv[2] == "run":
                    engine.run(img, trimap, out=out)
                else:
                    foreground.estimate(img, out, threads=4)
                outcomes.append("ran")
            except MemoryError:
                outcomes.append("no memory")
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
            assert np.array_equal(engine.run(*small), expected)
        print(outcomes[0], outcomes[-1])
    """
    assert python(code, plan, what) == "no memory ran"


def test_without_file_descriptors_every_call_says_so(plan: Path, tmp_path: Path) -> None:
    code = """
        import os, resource, sys
        import dim_trt
        from dim_trt.pictures import files as images
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
        held = []
        try:
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
        image = sys.argv[2]
        for call in (
            lambda: dim_trt.Engine(sys.argv[1]),
            lambda: images.read_image(image, "image"),
            lambda: images.write_image(sys.argv[3], images.np.zeros((3, 5, 3), "uint8")),
        ):
            try:
                call()
            except dim_trt.Error as error:
                assert str(error).endswith("Too many open files"), error
            else:
                raise AssertionError("a file was opened")
        os.close(held.pop())
        assert dim_trt.Engine(sys.argv[1]).info["path"] == sys.argv[1]
    """
    python(code, plan, SAMPLE[1], tmp_path / "a.png")
    assert not any(tmp_path.iterdir())


# Writers

WRITING_CALLS = {"write_text", "write_bytes", "imwrite", "tofile", "save", "savez", "savez_compressed", "savetxt"}
REPLACING = ("replaced", "replaced_together")
ALLOWED = {
    ("dim_trt/pictures/encoding.py", "save"),  # to bytes
    ("dim_trt/pipes.py", "open"),  # what came from standard input, in a temporary folder
    ("dim_trt/scoring/evaluation.py", "open"),  # a journal: lines are appended, one cut off is left alone
    ("dim_trt/terminal.py", "open"),  # the null device
    ("dim_trt/video/joining.py", "open"),  # a rehearsal in memory
    ("dim_trt/video/report.py", "open"),  # a journal, as that of evaluation.py
    ("dim_trt/video/sound_plan.py", "open"),  # in memory, to ask what a container takes
    ("dim_trt/video/writing.py", "fdopen"),  # a pipe
    ("dim_trt/video/writing.py", "open"),  # segments of a video; one counts when its note is written
    ("training/checkpoints.py", "save"),  # under a temporary name, then renamed
    ("training/foreign/writing.py", "save"),  # to bytes, for write_atomic
    ("training/keeping.py", "save"),  # calls training.checkpoints
    ("training/train.py", "save"),  # calls training.keeping
}


def writers(path: Path) -> list[str]:
    """Names of the calls in a module that write files by themselves: not to the temporary name of `replaced`."""
    names = []
    tree = ast.parse(path.read_text())
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.With)]
    safe = {
        id(part)
        for block in blocks
        if any(getattr(getattr(item.context_expr, "func", None), "id", "") in REPLACING for item in block.items)
        for part in ast.walk(block)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node) in safe:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        constants = [a.value for a in [*node.args, *(k.value for k in node.keywords)] if isinstance(a, ast.Constant)]
        is_mode = [isinstance(c, str) and 0 < len(c) <= 3 and set(c) <= set("rwxabt+") and c != "r" for c in constants]
        writes = any(m and set(str(c)) & set("wxa+") for m, c in zip(is_mode, constants, strict=True))
        if name in WRITING_CALLS or (name in ("open", "fdopen") and writes):
            names.append(name)
    return names


def test_every_writer_is_atomic() -> None:
    found = {
        (str(path.relative_to(ROOT)), name)
        for package in ("dim_trt", "training")
        for path in (ROOT / package).rglob("*.py")
        for name in writers(path)
    }
    assert ("dim_trt/scoring/evaluation.py", "open") in found, "what is allowed is seen"
    assert found <= ALLOWED, "write with dim_trt.files.write_atomic"
