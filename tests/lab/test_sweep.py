import contextlib
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spikeconsol
from spikeconsol.lab import cells
from spikeconsol.lab.cells import Cell, attempt
from spikeconsol.lab.results import ResultError, load, save
from spikeconsol.lab.sweep import Sweep, cell_name, points, read_toml, values

pytest.importorskip("distributed")

#: Seconds after which another process hangs; a loaded machine needs far less.
PATIENCE = 300
FEW = ("--over", "points=20", "--over", "noise=0.1,0.2")


def wait_for(what):
    """Wait until something is there in another process's output, and return it."""
    start = time.monotonic()
    while not (found := what()):
        assert time.monotonic() < start + PATIENCE
        time.sleep(0.05)
    return found


def numbers(folder):
    """Everything in a folder's result files except what says how and when they were made."""
    return {str(path.relative_to(folder)): load(path).drop_attrs() for path in folder.rglob("*.nc")}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        xr.testing.assert_identical(one[name], other[name])


@pytest.mark.usefixtures("unrendered")
def test_cells_are_named_after_their_values_and_equal_single_runs(cli, toy, tmp_path):
    ran = cli("sweep", f"{toy}/lines", *FEW, "--seeds", 1, "--level", "rate", "--out", "out")
    assert ran.returncode == 0, ran.stderr
    assert "4 cells computed, 0 kept, 0 failed" in ran.stdout
    assert "noise=0.1, points=20, rate-flat, seed 100: done" in ran.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"noise={noise},points=20" for noise in (0.1, 0.2)
    }
    single = ("--set", "points=20", "--set", "noise=0.2", "--seeds", 1, "--level", "rate")
    cli("run", f"{toy}/lines", *single, "--out", "single")
    assert_same(numbers(tmp_path / "out" / "noise=0.2,points=20"), numbers(tmp_path / "single"))


@pytest.mark.usefixtures("without_dask")
def test_the_same_command_again_computes_only_what_is_missing(cli, toy, tmp_path, computed):
    command = ("sweep", f"{toy}/batch", *FEW, "--seeds", 2, "--level", "rate", "--out", "out")
    assert cli(*command).returncode == 0
    whole = numbers(tmp_path / "out")
    assert len(computed()) == 4
    (tmp_path / "out" / "noise=0.1,points=20" / "rate-flat.nc").unlink()
    damaged = tmp_path / "out" / "noise=0.2,points=20" / "rate-flat.nc"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    again = cli(*command)
    assert "2 cells computed, 2 kept, 0 failed" in again.stdout
    assert "computed again: damaged" in again.stdout
    assert sorted(computed()[4:]) == ["20 0.1 rate-flat 100 101", "20 0.2 rate-flat 100 101"]
    assert_same(numbers(tmp_path / "out"), whole)


@pytest.mark.usefixtures("without_dask")
def test_cells_of_other_settings_are_refused_unless_replaced(cli, toy, tmp_path):
    command = ("sweep", f"{toy}/batch", "--over", "points=10,20", "--out", "out")
    assert cli(*command).returncode == 0
    other = cli(*command, "--set", "noise=0.3")
    assert other.returncode == 2
    assert "points=10/rate-steep.nc: other parameters than asked for" in other.stderr
    assert cli(*command, "--set", "noise=0.3", "--replace").returncode == 0
    attributes = load(tmp_path / "out" / "points=10" / "rate-flat.nc").attrs
    assert json.loads(attributes["parameters"])["noise"] == 0.3


@pytest.mark.usefixtures("without_dask")
def test_failed_cells_keep_their_traceback_and_are_retried_on_request(cli, toy, tmp_path, computed):
    command = ("sweep", f"{toy}/batch", "--over", "points=10,20", "--out", "out")
    ran = cli(*command, TOY_FAIL="rate-flat")
    assert ran.returncode == 1
    assert "failed (2): rate-flat: RuntimeError: the line broke; traceback: " in ran.stderr
    errors = list((tmp_path / "out").rglob("*.error.txt"))
    assert len(errors) == 2
    assert all("the line broke" in path.read_text() for path in errors)
    before = len(computed())
    left = cli(*command)
    assert left.returncode == 1
    assert "4 kept, 2 failed" in left.stdout
    assert len(computed()) == before
    assert cli(*command, "--retry").returncode == 0
    assert not list((tmp_path / "out").rglob("*.error.txt"))


def killed_again_and_again(program, toy, folder, kills, points, rng):
    """Start a sweep, kill it at random moments, finish it; return what was computed."""
    log = folder / "log.txt"
    command = [*program, "sweep", f"{toy}/batch"]
    command += ["--over", f"points=10:{9 + points}:1", "--level", "spiking"]
    command += ["--seeds", "2", "--workers", "2", "--out", "out"]
    environment = os.environ | {"TOY_LOG": str(log), "TOY_SLEEP": "0.1"}
    done = 0
    for _ in range(kills):
        running = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        # A random moment while cells are being computed.
        wanted = done + rng.randint(0, max(1, points // kills))
        while running.poll() is None and done < wanted:
            time.sleep(0.02)
            done = len(log.read_text().splitlines()) if log.exists() else 0
        time.sleep(rng.random() * 0.1)
        running.send_signal(signal.SIGKILL)
        running.communicate()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return log.read_text().splitlines()


def check_killed(program, cli, toy, tmp_path, kills, count):
    log = killed_again_and_again(program, toy, tmp_path, kills, count, random.Random(1))
    assert len(set(log)) == count
    assert len(log) <= count + 2 * kills  # two workers: at most two in flight at each kill
    over = f"points=10:{9 + count}:1"
    command = ("sweep", f"{toy}/batch", "--over", over, "--level", "spiking", "--seeds", 2)
    assert cli(*command, "--out", "whole").returncode == 0
    assert_same(numbers(tmp_path / "out"), numbers(tmp_path / "whole"))


@pytest.mark.usefixtures("without_dask")
def test_a_sweep_killed_and_restarted_equals_the_unbroken_one(sweeping, cli, toy, tmp_path):
    check_killed(sweeping, cli, toy, tmp_path, kills=1, count=6)


@pytest.mark.slow
def test_a_sweep_of_60_cells_killed_20_times_equals_the_unbroken_one(cli, toy, tmp_path):
    program = [sys.executable, "-c", "from spikeconsol.lab.cli import main; main()"]
    check_killed(program, cli, toy, tmp_path, kills=20, count=60)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_sweep_keeps_what_is_done_and_says_how_to_go_on(toy, tmp_path, name):
    command = [sys.executable, "-c", "from spikeconsol.lab.cli import main; main()", "sweep"]
    command += [f"{toy}/batch", "--over", "points=10:40:1", "--workers", "2", "--out", "out"]
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"TOY_SLEEP": "0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Background jobs ignore some signals.
        preexec_fn=lambda: signal.signal(getattr(signal, name), signal.SIG_DFL),
    )
    wait_for(lambda: list(tmp_path.rglob("*.nc")))
    os.killpg(running.pid, getattr(signal, name))  # as a terminal and a batch system do
    output, errors = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130
    assert errors == ""
    assert "of 93 cells are finished and kept" in output
    assert "continue with: spikeconsol sweep" in output


@pytest.mark.usefixtures("without_dask")
def test_two_sweeps_in_one_folder_do_not_harm_each_other(sweeping, cli, toy, tmp_path):
    over = ["--over", "points=10,20", "--seeds", "2", "--level", "spiking"]
    words = ["sweep", f"{toy}/lines", *over]
    command = [*sweeping, *words, "--out", "out"]
    both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [running.wait(PATIENCE) for running in both] == [0, 0]
    cli(*words, "--out", "whole")
    assert_same(numbers(tmp_path / "out"), numbers(tmp_path / "whole"))
    hidden = list((tmp_path / "out").rglob(".*"))
    assert not hidden


def test_a_folder_removed_while_a_result_is_saved_is_made_again(tmp_path, monkeypatch):
    tries, path = [], tmp_path / ".parts" / "steep" / "seed-1.nc"

    def saving(dataset, where):
        tries.append(where)
        if len(tries) == 1:  # another sweep has joined the pieces
            where.parent.rmdir()
        save(dataset, where)

    monkeypatch.setattr("spikeconsol.lab.results.save", saving)
    dataset = xr.Dataset({"slope": ("seed", [1.0])}, {"seed": [1]})
    cells._save(dataset, path)
    assert len(tries) == 2
    assert load(path).equals(dataset)


def written_address(path):
    """Address in a scheduler's file; None while it is being written."""
    try:
        return json.loads(path.read_text())["address"]
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def separate_cluster(folder, count, **environment):
    """Run a scheduler and workers of its own; gives its address and the workers."""
    address = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    quiet["env"] = os.environ | environment
    scheduler = subprocess.Popen(
        [
            sys.executable,
            *("-m", "distributed.cli.dask_scheduler", "--no-dashboard"),
            *("--port", "0", "--scheduler-file", str(address)),
        ],
        **quiet,
    )
    workers = [
        subprocess.Popen(
            [
                sys.executable,
                *("-m", "distributed.cli.dask_worker", "--no-dashboard", "--no-nanny"),
                *("--nthreads", "1", "--scheduler-file", str(address)),
            ],
            **quiet,
        )
        for _ in range(count)
    ]
    try:
        yield wait_for(lambda: written_address(address)), workers
    finally:
        for started in (*workers, scheduler):
            started.kill()
            started.wait()


@pytest.mark.slow
def test_a_lost_worker_of_a_separate_scheduler_loses_nothing(cli, toy, tmp_path):
    environment = {"TOY_SLEEP": "0.2", "TOY_LOG": str(tmp_path / "log.txt")}
    with separate_cluster(tmp_path, 2, **environment) as (where, workers):
        words = ["sweep", f"{toy}/batch", "--over", "points=10:24:1", "--level", "rate"]
        command = [sys.executable, "-c", "from spikeconsol.lab.cli import main; main()", *words]
        sweep = subprocess.Popen(
            [*command, "--scheduler", where, "--out", "out"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
        )
        wait_for(lambda: len(list(tmp_path.rglob("*.nc"))) >= 4)
        workers[0].kill()
        assert sweep.wait(PATIENCE) == 0
    cli(*words, "--out", "whole")
    assert_same(numbers(tmp_path / "out"), numbers(tmp_path / "whole"))


@pytest.mark.slow
def test_workers_that_stay_up_run_the_code_that_is_asked_for(cli, toy, tmp_path):
    """Also code of a module that the user's file imports."""
    own = tmp_path / "own.py"
    own.write_text(toy.read_text().replace("slope = np.polyfit", "slope = gains.GAIN * np.polyfit"))
    own.write_text(own.read_text().replace("import numpy", "import gains\nimport numpy"))
    (tmp_path / "gains.py").write_text("GAIN = 1\n")
    words = ["sweep", f"{own}/batch", "--over", "points=10,20", "--level", "rate"]

    def slopes(where, folder, *more):
        ran = cli(*words, "--scheduler", where, "--out", folder, *more)
        assert ran.returncode == 0, ran.stderr
        return load(tmp_path / folder / "points=10" / "rate-steep.nc").slope.values

    with separate_cluster(tmp_path, 1) as (where, _):
        first = slopes(where, "first")
        (tmp_path / "gains.py").write_text("GAIN = 3000\n")
        np.testing.assert_allclose(slopes(where, "second"), 3000 * first)
        np.testing.assert_allclose(slopes(where, "first", "--replace"), 3000 * first)
        own.write_text(own.read_text().replace("gains.GAIN", "2 * gains.GAIN"))
        np.testing.assert_allclose(slopes(where, "third"), 6000 * first)


def test_a_full_disk_is_said_so_and_leaves_no_damaged_file(sweeping, toy, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    program = shlex.join(sweeping)
    script = (
        f"mount -t tmpfs -o size=200k none {small} && cd {small} && "
        f"{program} sweep {toy}/batch --over points=500:4500:1000 --seeds 3 --level rate "
        f"--out out > {tmp_path}/stdout 2> {tmp_path}/stderr; echo $? > {tmp_path}/code; "
        f"cp -r out {tmp_path}/copy"
    )
    unshared = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True)
    if not (tmp_path / "code").exists() or b"mount" in unshared.stderr:
        pytest.skip("no small file system can be mounted here")
    assert (tmp_path / "code").read_text() == "1\n"
    assert "cannot be written (No space left on device)" in (tmp_path / "stderr").read_text()
    assert "Traceback" not in (tmp_path / "stderr").read_text()
    files = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    for path in files:
        assert path.suffix == ".nc" or path.name.endswith(".error.txt")
        if path.suffix == ".nc":
            load(path)


@pytest.mark.usefixtures("without_dask")
def test_all_results_open_as_one_lazy_dataset(cli, toy, tmp_path):
    command = ("sweep", f"{toy}/batch", "--over", "duration=5:15:5 ms", "--over", "noise=0.2,0.1")
    cli(*command, "--out", "out", "--seeds", 2, "--level", "rate")
    opened = spikeconsol.open_results(tmp_path / "out")
    assert opened.slope.dims == ("duration", "noise", "condition", "seed")
    assert opened.slope.chunks is not None  # nothing is read yet
    assert opened.duration.values.tolist() == [0.005, 0.01, 0.015]
    assert opened.duration.attrs["units"] == "second"
    assert opened.noise.values.tolist() == [0.1, 0.2]
    cell = load(tmp_path / "out" / "duration=0.01,noise=0.2" / "rate-flat.nc")
    here = opened.sel(duration=0.01, noise=0.2, condition="rate-flat")
    for name in ("slope", "y", "example", "positive", "word"):
        assert np.array_equal(here[name].values, cell[name].values)
    assert here.positive.dtype == bool
    assert opened.slope.attrs["long_name"] == "slope"
    (tmp_path / "out" / "duration=0.01,noise=0.2" / "rate-flat.nc").unlink()
    fewer = spikeconsol.open_results(tmp_path / "out")
    assert fewer.attrs["missing"] == 1
    assert np.isnan(fewer.slope.sel(duration=0.01, noise=0.2, condition="rate-flat")).all()
    assert fewer.slope.isnull().sum() == 2


@pytest.mark.usefixtures("without_dask")
def test_points_of_a_list_lie_along_one_dimension_and_odd_shapes_are_left_out(cli, toy, tmp_path):
    over = ("--over", "points=10,20,30", "--over", "noise=0.3,0.2,0.1", "--design", "list")
    cli("sweep", f"{toy}/batch", *over, "--out", "out")
    opened = spikeconsol.open_results(tmp_path / "out")
    assert opened.slope.dims == ("point", "condition", "seed")
    assert dict(zip(opened.points.values, opened.noise.values, strict=True)) == {
        10: 0.3,
        20: 0.2,
        30: 0.1,
    }
    assert set(opened.attrs["left_out"]) == {"y", "example", "positive"}


def test_results_that_do_not_belong_together_are_refused(cli, toy, tmp_path):
    with pytest.raises(ResultError, match="no results in this folder"):
        spikeconsol.open_results(tmp_path)
    cli("run", toy, "--out", "out", "--level", "rate", "--seeds", 1)
    with pytest.raises(ResultError, match="results of different experiment: toy/batch, toy/lines"):
        spikeconsol.open_results(tmp_path / "out")


def test_rerun_says_whether_the_numbers_match(cli, toy, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(toy.read_text())
    changed = ("--set", "points=20", "--set", "duration=30 ms")
    cli("run", f"{own}/batch", *changed, "--level", "rate", "--out", "out")
    same = cli("rerun", "out/rate-steep.nc", "--trust")
    assert same.returncode == 0, same.stderr
    assert "every number matches" in same.stdout
    assert "note:" not in same.stdout
    own.write_text(toy.read_text().replace("np.linspace(0, 1,", "np.linspace(0, 2,"))
    other = cli("rerun", "out/rate-steep.nc", "--trust")
    assert other.returncode == 1
    assert "differs: slope: 3 of 3 values, by " in other.stdout
    assert "note: code: " in other.stdout


def test_rerun_explains_with_versions_flags_and_target(cli, toy, tmp_path):
    cli("run", f"{toy}/batch", "--seeds", 1, "--level", "rate", "--out", "out")
    made = load(tmp_path / "out" / "rate-flat.nc")
    versions = json.loads(made.attrs["versions"]) | {"numpy": "0.1", "brian2": "0.2"}
    then = {"versions": versions, "compiler_flags": "g++ -O0", "target": "cython", "cpu": "486"}
    save(made.assign(slope=made.slope + 1.0), tmp_path / "then.nc", {**made.attrs, **then})
    ran = cli("rerun", "then.nc", "--trust")
    assert ran.returncode == 1
    assert "differs: slope: 1 of 1 values, by 1" in ran.stdout
    for note in (
        f"numpy: 0.1 then, {np.__version__} now",
        "brian2: 0.2 then, ",
        "compiler_flags: g++ -O0 then, ",
        "target: cython then, ",
        "cpu: 486 then, ",
    ):
        assert f"note: {note}" in ran.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--over", "points=10:5:1"], "over: points: got '10:5:1'; allowed: start:stop:step"),
        (["--over", "points=1:2"], "over: points: got '1:2'; allowed: start:stop:step"),
        (["--over", "points=1,,2"], "over: points: got '1,,2'; allowed: values with commas"),
        (["--over", "points=1,2"], "points: got 1; allowed: >= 2"),
        (["--over", "points=5,5"], "over: got the point points=5 twice"),
        (["--over", "pints=5"], "pints: unknown name in Line; nearest: points"),
        (["--over", "points"], "over: got 'points'; allowed: name=value"),
        (["--over", "points=2:3000000:1"], "allowed: start:stop:step"),
        (["--over", "noise=0:9e9:1e-9"], "over: noise: got"),
        ([], "over: got nothing"),
        (["--over", "noise=1", "--design", "star"], "design: got 'star'; allowed: grid"),
        (["--over", "noise=1", "--samples", "3"], "samples: got 3 for the design grid"),
        (["--over", "noise=0:1", "--design", "random"], "samples: got 0"),
        (["--over", "noise=1,2", "--over", "points=5", "--design", "list"], "over: got lists of"),
        (["--over", "noise=1", "--workers", "0"], "workers: got 0"),
        (["--over", "noise=1", "--scheduler", "tcp://127.0.0.1:9"], "scheduler: got 'tcp://127"),
        (["--over", "duration=1:3:1"], "duration: got '1'; allowed: a value in seconds"),
    ],
)
def test_bad_sweeps_are_one_line_before_any_work(cli, toy, computed, words, message):
    ran = cli("sweep", f"{toy}/batch", *words, "--out", "out")
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert message in ran.stderr
    assert computed() == []


def test_ranges_have_both_ends_and_no_rounding():
    assert values("x", "0.1:0.3:0.1") == ["0.1", "0.2", "0.3"]
    assert values("x", "40:220:60") == ["40", "100", "160", "220"]
    assert values("x", "5:12:5 ms") == ["5 ms", "10 ms"]
    assert values("x", [1, 2.5, "3 ms"]) == [1, 2.5, "3 ms"]


def test_random_designs_come_from_their_seed_and_stay_in_their_range():
    sweep = Sweep({"a": "0.1:0.5", "b": "log:1:1000", "c": "x,y"}, "random", 400, seed=3)
    drawn = points(sweep)
    assert drawn == points(sweep)
    a, b = (np.array([float(point[name]) for point in drawn]) for name in "ab")
    assert 0.1 <= a.min() < 0.12
    assert 0.48 < a.max() <= 0.5
    assert np.median(b) == pytest.approx(np.sqrt(1000), rel=0.3)
    assert {point["c"] for point in drawn} == {"x", "y"}


@given(st.dictionaries(st.text(min_size=1, max_size=30), st.floats() | st.text(), max_size=8))
def test_names_of_cells_are_safe_on_any_system(point):
    name = cell_name({f"p{index}": value for index, value in enumerate(point.values())})
    assert len(name) <= 120
    assert not set(name) & set('/\\:*?"<>|\n\0 ')


def test_a_toml_file_says_the_same_as_the_command_line(cli, toy, tmp_path):
    (tmp_path / "own.py").write_text(toy.read_text())
    (tmp_path / "sweep.toml").write_text(
        'experiment = "own.py/batch"\nseeds = 2\nlevel = "rate"\n'
        '[set]\nduration = "20 ms"\n[over]\npoints = "10:20:10"\nnoise = [0.1, 0.2]\n'
    )
    from_file = cli("sweep", "sweep.toml", "--dry-run")
    over = ("--over", "points=10:20:10", "--over", "noise=0.1,0.2", "--set", "duration=20 ms")
    words = ("--seeds", 2, "--level", "rate")
    typed = cli("sweep", "own.py/batch", *over, *words, "--dry-run")
    assert typed.returncode == 0
    assert typed.stdout == from_file.stdout
    assert "noise=0.2,points=20/rate-flat.nc" in typed.stdout


def test_a_number_without_its_unit_is_refused_in_a_toml_file_too(cli, toy, tmp_path):
    (tmp_path / "own.py").write_text(toy.read_text())
    for table in ("[over]\nduration = [0.1, 0.2]", "[over]\npoints = [10]\n[set]\nduration = 0.1"):
        (tmp_path / "sweep.toml").write_text(f'experiment = "own.py/batch"\n{table}\n')
        ran = cli("sweep", "sweep.toml", "--dry-run")
        assert ran.returncode == 2
        assert "duration: got '0.1'; allowed: a value in seconds" in ran.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("experiment = ", "not TOML"),
        ("[over]\nn = 1", "lacks 'experiment'"),
        ("experiment = 'a'", "lacks 'over'"),
        ("experiment = 'a'\nsede = 3\n[over]\nn = 1", "unknown key 'sede'; nearest: seed"),
        ("experiment = 3\n[over]\nn = 1", "experiment: got 3; allowed: text"),
        ("experiment = 'a'\nseeds = true\n[over]\nn = 1", "seeds: got True; allowed: a whole"),
    ],
)
def test_bad_toml_is_one_line(tmp_path, text, message):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_toml(path)
    assert "\n" not in str(error.value)


toml_text = st.text(max_size=200) | st.lists(
    st.sampled_from(
        [
            "experiment = 'toy/batch'",
            "[over]",
            "points = [10, 20]",
            "noise = '0:1:0.5'",
            "noise = {a = 1}",
            "seeds = 2",
            "seeds = -1",
            "[set]",
            "duration = '3 ms'",
            "design = 'list'",
            "'\\u0000' = 1",
            "x = nan",
            "over.points = 1979-05-27",
        ]
    ),
    max_size=8,
).map("\n".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=toml_text)
def test_any_toml_is_read_or_refused_in_one_line(tmp_path, text):
    path = tmp_path / "sweep.toml"
    path.write_text(text, encoding="utf-8", errors="ignore")
    error = ""
    try:
        points(read_toml(path).sweep)
    except ValueError as refused:
        error = str(refused)
    assert len(error.splitlines()) <= 1


def test_a_finished_cell_is_not_computed_again_by_another_worker(toy, tmp_path, computed):
    values = json.dumps({"duration": 0.01, "noise": 0.1, "points": 50})
    cell = Cell("toy/batch", str(toy), values, "rate-flat", (100,), tmp_path / "cell.nc")
    assert attempt(cell, keep=True) == ""
    assert attempt(cell, keep=True) == ""
    assert len(computed()) == 1
    assert attempt(cell) == ""
    assert len(computed()) == 2
