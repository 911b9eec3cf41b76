"""What is run and read: whole results on full disks, programs of this user only, no orphans."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikeconsol.brian import backend, cache, guard, scratch, standalone
from spikeconsol.brian.backend import BuildError, Program, run

HERE = Path(__file__)
COUNTING = Program(
    name="counting",
    builder=f"{HERE.with_name('counting.py')}:build",
    structure={"dt": 1e-4, "n": 10},
    inputs=("cells.gain", "cells.noise_seed", "cells.stream", "cells.y", "table"),
    outputs=("cells.y", "cells.steps", "cells.shown", "cells.normal_draw", "cells.uniform_draw"),
)


def counted(**options):
    return run(COUNTING, {}, steps=5, target="standalone", **options)


# ------------------------------------------------------------------------------- full disks


@pytest.fixture
def full(monkeypatch):
    """Let every array go to a device that is always full."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")

    def fill(folder, files):
        manifest = standalone.compiled(COUNTING)[1]
        for file in manifest["files"]:
            (folder / file).symlink_to("/dev/full")

    counted()
    monkeypatch.setattr(standalone, "_discard", fill)


def test_a_full_disk_ends_the_run_with_the_place_and_its_room(full, monkeypatch, tmp_path):
    monkeypatch.setattr(scratch, "MEMORY", tmp_path / "none")
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(BuildError, match=r"cannot write .*No space left.* MB free.*set TMPDIR"):
        counted()
    assert not list(tmp_path.glob("spikeconsol-*"))


def test_results_too_large_for_memory_go_to_the_disk(full, monkeypatch, tmp_path):
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    spilled = counted()
    assert not list(tmp_path.glob("spikeconsol-*"))
    monkeypatch.undo()
    for name, array in counted().items():
        np.testing.assert_array_equal(spilled[name], array)


def test_arrays_that_are_not_what_was_written_are_refused(tmp_path):
    (tmp_path / "i").write_bytes(bytes(12))
    (tmp_path / "t").write_bytes(bytes(16))
    wrote = {"i": (tmp_path / "i", 12), "t": (tmp_path / "t", 16)}
    read = {"spikes.i": ("i", "<i4"), "spikes.t": ("t", "<f8")}
    with pytest.raises(BuildError, match=r"spikes\.i has 3 spikes, 2 times"):
        standalone._read("cells", read, wrote)
    with pytest.raises(BuildError, match="has 16 of the 24 bytes"):
        standalone._read("cells", read, wrote | {"t": (tmp_path / "t", 24)})
    with pytest.raises(BuildError, match=r"did not write spikes\.i"):
        standalone._read("cells", read, {"t": (tmp_path / "t", 16)})


def test_another_way_of_writing_arrays_stops_the_build():
    with pytest.raises(ValueError, match="writes its arrays in another way"):
        guard.checked_writing("void _write_arrays()\n{\n    fwrite(x);\n}\n")


@pytest.mark.parametrize("memory", ["64k", "1m"])
def test_spikes_are_whole_or_refused_on_small_file_systems(tmp_path, memory):
    """A small /dev/shm and a small TMPDIR: the same spikes as with room, or one line."""
    # The network of tests/consolidation/test_spiking.py, which is compiled once.
    make = (
        "SpikingMemory(60, rule=CurvatureGate(coding_level=0.1), seed=1, "
        "parameters=SpikingParameters(precision='double'))"
    )
    script = (
        "import numpy as np\n"
        "from spikeconsol.consolidation import SpikingMemory, SpikingParameters\n"
        "from spikeconsol.consolidation.rules import CurvatureGate\n"
        "from spikeconsol.data import sparse_patterns\n"
        f"memory = {make}\n"
        "memory.weights = np.ones((60, 60)) - np.eye(60)\n"
        "try:\n"
        "    memory.recall(sparse_patterns(30, 60, coding_level=0.1, seed=0))\n"
        "    print(len(memory.recording.cells), len(memory.recording.times))\n"
        "except Exception as error:\n"
        "    print(str(error).splitlines()[0])\n"
    )
    whole = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert len({*whole.stdout.split()}) == 1, whole.stderr  # as many cells as times
    room = {"64k": 300, "1m": 64_000}[memory]
    shell = (
        f"mount -t tmpfs -o size={memory} none /dev/shm && mkdir {tmp_path}/tmp && "
        f"mount -t tmpfs -o size={room}k none {tmp_path}/tmp && "
        f'TMPDIR={tmp_path}/tmp {sys.executable} -c "$0" > {tmp_path}/small'
    )
    subprocess.run(["unshare", "-rm", "sh", "-c", shell, script], capture_output=True)
    if not (tmp_path / "small").exists():
        pytest.skip("no small file system can be mounted here")
    small = (tmp_path / "small").read_text().strip()
    if room < 1000:
        assert "No space left" in small
        assert "set TMPDIR" in small
        return
    assert small == whole.stdout.strip()


# ---------------------------------------------------------------------- the cache of programs


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A cache of its own with the program in it."""
    folder, _ = standalone.compiled(COUNTING)
    root = tmp_path / "cache"
    root.mkdir(mode=0o700)
    shutil.copytree(folder, root / folder.name)
    monkeypatch.setenv("SPIKECONSOL_CACHE", str(root))
    return root / folder.name


def must_not_build(*_):
    raise AssertionError("built again")


def build_copy(original):
    """Stand in for the compiler: put the whole program into place."""

    def build(program, folder):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(original, folder)

    return build


def test_a_root_that_is_made_is_the_users_own(tmp_path, monkeypatch):
    original, _ = standalone.compiled(COUNTING)
    monkeypatch.setenv("SPIKECONSOL_CACHE", str(tmp_path / "new" / "cache"))
    monkeypatch.setattr(cache, "_build", build_copy(original))
    before = os.umask(0o002)
    try:
        counted()
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "cache").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("which", ["", "folder", "main"])
@pytest.mark.parametrize("fault", ["theirs", "open"])
def test_what_others_made_or_may_change_is_not_run(copied, monkeypatch, which, fault):
    path = {"": copied.parent, "folder": copied, "main": copied / "main"}[which]
    if fault == "open":
        path.chmod(0o777)
        message = "others may write to it.*chmod 700"
    else:
        if os.geteuid():
            pytest.skip("only root can give a file away")
        os.chown(path, 12345, -1)
        message = "belongs to another user.*set SPIKECONSOL_CACHE"
    (copied / "main").write_text("#!/bin/sh\ntouch ran\n") if which != "main" else None
    monkeypatch.setattr(cache, "_build", must_not_build)
    with pytest.raises(BuildError, match=message) as error:
        counted()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", ["manifest.json", "main"])
@pytest.mark.parametrize("content", [b"", b"{}", b"#!/bin/sh\necho changed\n"])
def test_a_damaged_program_is_built_again(copied, monkeypatch, file, content):
    expected = counted()
    original = copied.parent / "original"
    shutil.copytree(copied, original)
    monkeypatch.setattr(cache, "_build", build_copy(original))
    (copied / file).write_bytes(content)
    for name, array in counted().items():
        np.testing.assert_array_equal(array, expected[name])


def test_what_is_built_is_on_the_disk_and_closed_to_others(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(cache, "sync", lambda path: synced.append(path.name))
    monkeypatch.setenv("SPIKECONSOL_CACHE", str(tmp_path / "cache"))

    def compile_nothing(command, **_):
        folder = Path(command[4])
        (folder / "main").write_text("#!/bin/sh\n")
        (folder / "main").chmod(0o775)
        (folder / "manifest.json").write_text("{}")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(cache, "compiler_version", lambda: "")
    monkeypatch.setattr(cache.subprocess, "run", compile_nothing)
    folder, manifest = cache.compiled(COUNTING)
    assert {"main", "manifest.json", "cache"} <= set(synced)
    assert len(manifest["main"]) == 64
    assert (folder / "main").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("fault", ["a file", "no locks", "read-only"])
def test_without_a_usable_cache_programs_are_kept_for_the_process(tmp_path, monkeypatch, fault):
    original, _ = standalone.compiled(COUNTING)
    root = tmp_path / "cache"
    if fault == "a file":
        root.write_text("")
    elif fault == "no locks":

        def refuse(path):
            raise OSError(37, "No locks available")

        monkeypatch.setattr(cache, "_check_lockable", refuse, raising=True)
        real = cache._lock

        def lock(path, name):
            if path.is_relative_to(root):
                return real(path, name)
            monkeypatch.setattr(cache, "_check_lockable", lambda path: None)
            return real(path, name)

        monkeypatch.setattr(cache, "_lock", lock)
    else:
        mkdir = Path.mkdir

        def refuse_root(path, *words, **options):
            if path == root:
                raise OSError(30, "Read-only file system")
            mkdir(path, *words, **options)

        monkeypatch.setattr(cache.Path, "mkdir", refuse_root)
    monkeypatch.setenv("SPIKECONSOL_CACHE", str(root))
    private = tmp_path / "private"
    os.mkdir(private, 0o700)
    monkeypatch.setattr(cache, "_private_cache", lambda: private)
    monkeypatch.setattr(cache, "_build", build_copy(original))
    with pytest.warns(UserWarning, match="this process only; set SPIKECONSOL_CACHE") as warned:
        counted()
    assert len(warned) == 1
    assert len(list(private.glob("counting-*/main"))) == 1


def test_a_long_wait_for_another_build_is_said_and_ends(copied, monkeypatch, capsys):
    from filelock import FileLock

    shutil.rmtree(copied)
    monkeypatch.setattr(cache, "MENTION", 0.1)
    monkeypatch.setattr(cache, "PATIENCE", 0.2)
    with (
        FileLock(f"{copied}.lock"),
        pytest.raises(BuildError, match=r"another build has held .*\.lock"),
    ):
        counted()
    assert f"waiting for another build of counting, which holds {copied}.lock" in (
        capsys.readouterr().err
    )


# --------------------------------------------------------------------------------- compilers


@pytest.mark.parametrize("command", ["env g++", "g++ -std=c++17", "env  'g++'  -O2"])
def test_the_compiler_may_have_a_launcher_and_flags(monkeypatch, command):
    plain = COUNTING.key()
    monkeypatch.delenv("SPIKECONSOL_TARGET", raising=False)
    monkeypatch.setenv("CXX", command)
    backend.default_target.cache_clear()
    try:
        assert backend.default_target() == "standalone"
        assert COUNTING.key() != plain
    finally:
        backend.default_target.cache_clear()


def test_a_builder_may_import_its_neighbours_and_they_decide_the_key(tmp_path, monkeypatch):
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "gains.py").write_text(f"GAIN = {len(name)}\n")
        (folder / "own.py").write_text("import gains\ndef build(structure):\n    return gains\n")
    (tmp_path / "two" / "gains.py").write_text("GAIN = 4\n")
    programs = [
        replace(COUNTING, builder=f"{tmp_path / n / 'own.py'}:build") for n in ("one", "two")
    ]
    assert [program.load_builder()({}).GAIN for program in programs] == [3, 4]
    keys = {program.key() for program in programs}
    (tmp_path / "two" / "gains.py").write_text("GAIN = 5\n")
    cache._source_hash.cache_clear()
    assert len(keys | {programs[1].key()}) == 3


# ----------------------------------------------------------------------------------- orphans


@pytest.mark.skipif(sys.platform != "linux", reason="needs a signal at the parent's death")
def test_no_program_and_no_folder_outlives_a_killed_process(tmp_path):
    counted()
    text = (
        "import sys, json\n"
        "from spikeconsol.brian import backend\n"
        "order = json.loads(sys.stdin.read())\n"
        "program = backend.Program(**{k: tuple(v) if isinstance(v, list) else v"
        " for k, v in order.items()})\n"
        "backend.run(program, {}, steps=10**11, target='standalone')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, text=True)
    process.stdin.write(json.dumps(vars(COUNTING)))
    process.stdin.close()

    def running():
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                _, _, rest = path.read_text().partition(") ")
            except OSError:
                continue
            if rest.split()[1:2] == [str(process.pid)]:
                return path.parent
        return None

    def wait_for(what):
        start = time.monotonic()
        while not (found := what()):
            assert time.monotonic() - start < 60
            time.sleep(0.02)
        return found

    def started():
        child = running()
        if child is None:
            return None
        words = (child / "cmdline").read_bytes().split(b"\0")
        return (child, Path(words[2].decode())) if len(words) > 3 else None

    child, folder = wait_for(started)
    assert folder.is_dir()
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not child.exists() and not folder.exists())
