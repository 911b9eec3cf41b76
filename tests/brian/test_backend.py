"""One program, many values, three targets; the cache; the errors."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikeconsol.brian import backend, cache, scratch, standalone
from spikeconsol.brian.backend import BuildError, Program, run
from spikeconsol.brian.doctor import doctor

N = 10
TARGETS = backend.TARGETS
STATE = ("cells.y", "cells.steps", "cells.shown", "cells.normal_draw", "cells.uniform_draw")
COUNTING = Program(
    name="counting",
    builder=f"{Path(__file__).with_name('counting.py')}:build",
    structure={"dt": 1e-4, "n": N},
    inputs=("cells.gain", "cells.noise_seed", "cells.stream", "cells.y", "table"),
    outputs=STATE,
)


def expected_y(y, gain, steps):
    for step in range(steps):
        y = 0.9 * y + gain * np.sin(0.1 * np.arange(N) * step)
    return y


def script(text, **environment):
    """Start a Python process that knows the program as COUNTING."""
    lines = (
        "import sys, json, numpy as np",
        "from spikeconsol.brian import backend, cache",
        f"program = backend.Program(**json.loads({json.dumps(json.dumps(vars(COUNTING)))}))",
        "program = backend.Program(program.name, program.builder, program.structure,"
        " tuple(program.inputs), tuple(program.outputs))",
        text,
    )
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def fresh_choice():
    """Let the default target be found anew, here and after the test."""
    backend.default_target.cache_clear()
    cache._version_of.cache_clear()
    yield
    backend.default_target.cache_clear()
    cache._version_of.cache_clear()


# ------------------------------------------------------------------------------------ values


@pytest.mark.parametrize("target", TARGETS)
def test_values_reach_the_network(target):
    table = np.arange(4 * N, dtype=float).reshape(4, N)
    y = np.linspace(-1, 1, N)
    result = run(
        COUNTING, {"cells.gain": 0.25, "cells.y": y, "table": table}, steps=100, target=target
    )
    np.testing.assert_allclose(result["cells.y"], expected_y(y, 0.25, 100), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(result["cells.shown"], table[0])


@pytest.mark.parametrize("target", TARGETS)
def test_values_not_named_keep_the_builders(target):
    y = run(COUNTING, {}, steps=5, outputs=["cells.y"], target=target)["cells.y"]
    np.testing.assert_allclose(y, expected_y(0.5 * np.arange(N), 3, 5), rtol=0, atol=1e-12)


@pytest.mark.parametrize("target", TARGETS)
def test_a_run_leaves_nothing_for_the_next(target):
    run(COUNTING, {"cells.gain": 7.0, "cells.y": np.ones(N)}, steps=3, target=target)
    y = run(COUNTING, {}, steps=5, target=target)["cells.y"]
    np.testing.assert_allclose(y, expected_y(0.5 * np.arange(N), 3, 5), rtol=0, atol=1e-12)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("steps", [1, 2, 333, 12347])
def test_number_of_steps_is_exact(target, steps):
    if target == "numpy" and steps > 1000:
        steps = 1003
    counted = run(COUNTING, {}, steps=steps, outputs=["cells.steps"], target=target)
    np.testing.assert_array_equal(counted["cells.steps"], steps)


@pytest.mark.parametrize("target", TARGETS)
def test_zeros_take_the_place_of_the_builders_values(target):
    zeros = {"cells.y": np.zeros(N), "table": np.zeros((4, N))}
    result = run(COUNTING, zeros, steps=5, target=target)
    np.testing.assert_allclose(result["cells.y"], expected_y(0, 3, 5), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(result["cells.shown"], 0)


@pytest.mark.parametrize("target", TARGETS)
def test_infinite_values_are_passed_on(target):
    y = run(COUNTING, {"cells.y": np.inf}, steps=1, outputs=["cells.y"], target=target)["cells.y"]
    assert np.all(y == np.inf)


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("target", TARGETS)
def test_undeclared_value_is_refused_with_the_nearest_names(target):
    with pytest.raises(ValueError, match=r"cells\.gian: not declared .*nearest: cells\.gain"):
        run(COUNTING, {"cells.gian": 1.0}, steps=1, target=target)


def test_unknown_output_is_refused_with_the_nearest_names():
    with pytest.raises(ValueError, match=r"cells\.step: not declared .*nearest: cells\.steps"):
        run(COUNTING, {}, steps=1, outputs=["cells.step"])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("name", "size"), [("cells.y", N), ("table", 4 * N), ("cells.gain", 1)])
def test_wrong_size_is_refused(target, name, size):
    with pytest.raises(ValueError, match=rf"{name}: got {size + 1} values; allowed: {size}"):
        run(COUNTING, {name: np.zeros(size + 1)}, steps=1, target=target)


def test_unknown_target_is_refused(fresh_choice, monkeypatch):
    with pytest.raises(ValueError, match="target: got 'fortran'; allowed: standalone, cython"):
        run(COUNTING, {}, steps=1, target="fortran")
    monkeypatch.setenv("SPIKECONSOL_TARGET", "fortran")
    with pytest.raises(ValueError, match="SPIKECONSOL_TARGET: got 'fortran'"):
        run(COUNTING, {}, steps=1)


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="steps: got 0; allowed: >= 1"):
        run(COUNTING, {}, steps=0)


def test_failed_build_shows_the_compilers_words_and_leaves_nothing():
    program = replace(COUNTING, name="broken", builder=COUNTING.builder.replace("build", "broken"))
    with pytest.raises(BuildError, match="no_such_name"):
        run(program, {}, steps=1, target="standalone")
    assert not [path for path in backend.cache_folder().glob("broken-*") if path.is_dir()]


def test_failing_binary_shows_its_last_lines(tmp_path, monkeypatch):
    _, manifest = standalone.compiled(COUNTING)
    binary = tmp_path / "main"
    binary.write_text("#!/bin/sh\nseq 20\nexit 3\n")
    binary.chmod(binary.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setattr(standalone, "compiled", lambda program: (tmp_path, manifest))
    with pytest.raises(BuildError, match=r"ended with code 3:\n9\n(\d+\n)*20$"):
        run(COUNTING, {}, steps=1, target="standalone")


def test_error_in_the_builder_is_shown_whatever_lies_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise SystemExit('the wrong random')")
    monkeypatch.chdir(tmp_path)
    program = replace(COUNTING, name="unbuildable", structure={"dt": 1e-4, "n": -1})
    with pytest.raises(BuildError, match=r"could not be compiled: .*negative") as error:
        run(program, {}, steps=1, target="standalone")
    assert "wrong random" not in str(error.value)


# ------------------------------------------------------------------------------------- cache


def test_repeat_in_a_new_process_neither_compiles_nor_imports_brian2():
    expected = run(COUNTING, {"cells.gain": 2.0}, steps=9, target="standalone")["cells.y"]
    process = script(
        "cache._build = None\n"
        "y = backend.run(program, {'cells.gain': 2.0}, steps=9, target='standalone')['cells.y']\n"
        "print(json.dumps([y.tolist(), 'brian2' in sys.modules, 'sympy' in sys.modules]))"
    )
    output, errors = process.communicate()
    assert not process.returncode, errors
    y, *imported = json.loads(output)
    np.testing.assert_array_equal(y, expected)
    assert imported == [False, False]


def test_two_processes_share_an_empty_cache(tmp_path):
    """The one that comes second waits for the first one's build, a copy of a program here."""
    original, _ = cache.compiled(COUNTING)
    text = (
        "import os, shutil, time\n"
        "def build(program, folder):\n"
        "    (folder.parent / f'built-{os.getpid()}').mkdir()\n"
        "    time.sleep(1)\n"
        f"    shutil.copytree({str(original)!r}, folder)\n"
        "cache._build = build\n"
        "print(json.dumps(backend.run(program, {}, steps=4, target='standalone')"
        "['cells.y'].tolist()))"
    )
    processes = [script(text, SPIKECONSOL_CACHE=str(tmp_path)) for _ in range(2)]
    outputs = []
    for process in processes:
        output, errors = process.communicate()
        assert not process.returncode, errors
        outputs.append(json.loads(output))
    assert outputs[0] == outputs[1]
    assert len(list(tmp_path.glob("built-*"))) == 1
    assert len(list(tmp_path.glob("counting-*/main"))) == 1


def test_clearing_removes_programs_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKECONSOL_CACHE", str(tmp_path))
    assert backend.clear_cache() == (0, 0)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis").write_text("mine")
    assert backend.clear_cache() == (2, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine" / "thesis").exists()


def test_structure_and_compiler_decide_the_key(fresh_choice, monkeypatch):
    keys = {COUNTING.key(), replace(COUNTING, structure={"dt": 1e-4, "n": N + 1}).key()}
    monkeypatch.setattr(cache, "compiler_version", lambda: "another compiler")
    keys.add(COUNTING.key())
    assert len(keys) == 3


@pytest.mark.skipif(not scratch.MEMORY.is_dir(), reason="no memory-backed folder here")
def test_results_are_removed_and_so_are_those_of_killed_runs_but_not_of_living_ones():
    hold = "import time; from spikeconsol.brian.scratch import scratch\nwith scratch(1) as place:"
    command = [sys.executable, "-c", f"{hold} print(place.folder, flush=True); time.sleep(99)"]
    elsewhere = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*elsewhere, "true"]).returncode:
        elsewhere = []  # as of another container; only where the system has them
    living, killed = (
        subprocess.Popen([*place, *command], stdout=subprocess.PIPE, text=True)
        for place in (elsewhere, [])
    )
    try:
        folders = [Path(process.stdout.readline().strip()) for process in (living, killed)]
        killed.kill()
        killed.wait()
        assert all(folder.exists() for folder in folders)
        scratch._remove_orphans.cache_clear()
        run(COUNTING, {}, steps=1, target="standalone")
        assert [folder.exists() for folder in folders] == [True, False]
    finally:
        living.kill()
        living.wait()
        # What `unshare` has started ends a moment after it.
        until = time.monotonic() + 20
        while folders[0].exists() and time.monotonic() < until:
            scratch._remove_orphans.cache_clear()
            scratch._remove_orphans(scratch.MEMORY)
            time.sleep(0.05)
    assert not {*map(str, folders)} & {*map(str, scratch.MEMORY.glob("spikeconsol-*"))}


# ---------------------------------------------------------------------------- default target


def test_compiler_that_does_not_run_leads_to_numpy_with_a_warning(
    fresh_choice, tmp_path, monkeypatch
):
    broken = tmp_path / "broken-compiler"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(broken.stat().st_mode | stat.S_IEXEC)
    monkeypatch.delenv("SPIKECONSOL_TARGET", raising=False)
    for compiler in ("no-such-compiler", str(broken)):
        monkeypatch.setenv("CXX", compiler)
        backend.default_target.cache_clear()
        cache._version_of.cache_clear()
        with pytest.warns(UserWarning, match=f"{compiler}.*numpy target"):
            counted = run(COUNTING, {}, steps=3, outputs=["cells.steps"])
        np.testing.assert_array_equal(counted["cells.steps"], 3)
        with pytest.raises(BuildError, match=f"{compiler} does not run"):
            run(COUNTING, {}, steps=3, target="standalone")


# ------------------------------------------------------------------------ the user's Brian2


@pytest.mark.parametrize("target", TARGETS)
def test_brian2_of_the_caller_is_untouched(target, monkeypatch):
    import brian2

    monkeypatch.setitem(brian2.prefs, "codegen.target", "numpy")  # what she compiles is hers
    clock_before = brian2.defaultclock.dt
    mine = brian2.NeuronGroup(2, "dx/dt = 1/second : 1", method="euler", name="cells")
    monitor = brian2.StateMonitor(mine, "x", record=True, name="step")
    network = brian2.Network(mine, monitor)
    network.run(1 * brian2.ms, namespace={})
    run(COUNTING, {}, steps=3, target=target)
    network.run(1 * brian2.ms, namespace={})
    assert brian2.defaultclock.dt == clock_before
    assert monitor.x.shape == (2, 20)
    np.testing.assert_allclose(mine.x, 2e-3)


@pytest.mark.parametrize("target", TARGETS)
def test_standalone_device_of_the_caller_stays_active(target):
    import brian2
    from brian2.devices.device import reset_device

    brian2.set_device("cpp_standalone", build_on_run=False)
    try:
        brian2.defaultclock.dt = 0.3 * brian2.ms
        device, queue = brian2.get_device(), list(brian2.device.main_queue)
        counted = run(COUNTING, {}, steps=3, target=target)["cells.steps"]
        np.testing.assert_array_equal(counted, 3)
        assert brian2.get_device() is device
        # Brian2 may set the default clock's time step once more, to the same value.
        assert brian2.device.main_queue[: len(queue)] == queue
        assert all("defaultclock" in str(item) for item in brian2.device.main_queue[len(queue) :])
        assert brian2.defaultclock.dt == 0.3 * brian2.ms
    finally:
        brian2.defaultclock.dt = 0.1 * brian2.ms
        brian2.device.reinit()
        reset_device()


def test_doctor_finds_all_targets_equal():
    checks = {check.name: check for check in doctor()}
    for target in TARGETS:
        assert checks[f"target {target}"].ok, checks[f"target {target}"].detail


def test_runs_side_by_side_are_those_one_after_the_other():
    def states(seed):
        return run(COUNTING, {"cells.noise_seed": seed}, steps=5, outputs=["cells.normal_draw"])

    one, two = (
        backend.side_by_side(COUNTING, states, range(4), threads=threads, target=None)
        for threads in (1, 2)
    )
    draws = [state["cells.normal_draw"] for state in one]
    assert (draws[0] != draws[1]).all()
    for draw, state in zip(draws, two, strict=True):
        np.testing.assert_array_equal(draw, state["cells.normal_draw"])
    with pytest.raises(ValueError, match="threads: got 0; allowed"):
        backend.side_by_side(COUNTING, states, (), threads=0, target=None)


@pytest.mark.parametrize(("told", "cores"), [("1", 1), ("3", 3)])
def test_a_worker_of_one_thread_shares_nothing(monkeypatch, told, cores):
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert backend._cores() == cores
