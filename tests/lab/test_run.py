import json
import os
import re
import subprocess
import sys

import pytest
import xarray as xr

from spikeconsol.lab.results import load

ONE_LINE = re.compile(r"error: [^\n]+\n")


def numbers(folder):
    """Everything in a folder's result files except run times and when they were made."""
    return {path.stem: load(path).drop_attrs() for path in sorted(folder.rglob("*.nc"))}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for stem in one:
        xr.testing.assert_identical(one[stem], other[stem])


def test_a_run_writes_files_prints_the_table_and_draws_the_figure(cli, toy, tmp_path):
    ran = cli("run", toy, "--preset", "demo", "--set", "duration=20 ms", "--out", "out")
    assert ran.returncode == 0, ran.stderr
    assert "1.95 ± 0.18 of 2" in ran.stdout
    assert "[6/6] spiking-steep, seed 101: done" in ran.stdout
    folder = tmp_path / "out" / "toy" / "lines"
    assert sorted(path.name for path in folder.iterdir()) == [
        "rate-flat.nc",
        "rate-steep.nc",
        "spiking-steep.nc",
    ]
    steep = load(folder / "rate-steep.nc")
    assert list(steep.seed) == [100, 101]
    assert json.loads(steep.attrs["parameters"]) == {"points": 20, "noise": 0.1, "duration": 0.02}
    assert steep.attrs["command"].startswith("spikeconsol run")
    assert "numpy" in json.loads(steep.attrs["versions"])
    figures = tmp_path / "out" / "figures"
    assert sorted(path.suffix for path in figures.iterdir()) == [".json", ".pdf", ".png"]
    caption = json.loads((figures / "toy-lines.json").read_text())
    assert caption["caption"] == "Lines with noise; n = 2 seeds."
    assert len(caption["files"]) == 3


@pytest.mark.usefixtures("no_dask_in_processes", "unrendered")
def test_seed_by_seed_in_processes_equals_all_seeds_at_once(cli, toy, tmp_path):
    for name, jobs in (("lines", 2), ("batch", 1)):
        words = ("--out", name, "--jobs", jobs, "--seeds", 2, "--level", "rate")
        assert cli("run", f"{toy}/{name}", *words).returncode == 0
    lines, batch = (numbers(tmp_path / name) for name in ("lines", "batch"))
    for stem in lines:
        xr.testing.assert_allclose(lines[stem], batch[stem], rtol=1e-12)
        assert lines[stem].example.dims == ("time",)


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    ("stop", "name"),
    [
        ("SIGKILL", "lines"),
        ("SIGINT", "batch"),
        pytest.param("SIGKILL", "batch", marks=pytest.mark.slow),
        pytest.param("SIGINT", "lines", marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_goes_on_where_it_stopped(
    cli, process, toy, tmp_path, computed, name, stop
):
    assert cli("run", f"{toy}/{name}", "--seeds", 2, "--out", "whole").returncode == 0
    before = len(computed())
    command = ("run", f"{toy}/{name}", "--seeds", 2, "--out", "out")
    stopped = process(*command, TOY_STOP_AT="spiking-steep 101", TOY_SIGNAL=stop)
    assert stopped.returncode == (-9 if stop == "SIGKILL" else 130)
    if stop == "SIGINT":
        assert "interrupted: 2 of 3 cells are finished and kept" in stopped.stdout
        assert f"continue with: spikeconsol run {toy}/{name} --seeds 2 --out out --resume" in (
            stopped.stdout
        )
    stopped_at = len(computed())
    resumed = cli(*command, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "2 of 3 cells were finished already" in resumed.stdout
    twice = set(computed()[before:stopped_at]) & set(computed()[stopped_at:])
    in_flight = {"lines": "spiking-steep 101", "batch": "spiking-steep 100 101"}
    assert twice == {in_flight[name]}
    assert_same(numbers(tmp_path / "out"), numbers(tmp_path / "whole"))


def test_resume_refuses_other_parameters_and_says_which_file(cli, toy, tmp_path):
    command = ("run", f"{toy}/batch", "--out", "out")
    assert cli(*command).returncode == 0
    before = numbers(tmp_path / "out")
    ran = cli(*command, "--resume", "--set", "noise=0.5")
    assert ran.returncode == 2
    assert ONE_LINE.fullmatch(ran.stderr)
    assert "error: out/rate-steep.nc: other parameters than asked for" in ran.stderr
    assert_same(numbers(tmp_path / "out"), before)


def test_a_truncated_result_is_said_so_and_computed_again(cli, toy, tmp_path):
    assert cli("run", f"{toy}/batch", "--out", "out").returncode == 0
    before = numbers(tmp_path / "out")
    path = tmp_path / "out" / "rate-flat.nc"
    path.write_bytes(path.read_bytes()[:-100])
    shown = cli("show", path)
    assert shown.returncode == 2
    assert ONE_LINE.fullmatch(shown.stderr)
    assert "rate-flat.nc: truncated" in shown.stderr
    ran = cli("run", f"{toy}/batch", "--out", "out", "--resume")
    assert "computed again: damaged: out/rate-flat.nc" in ran.stdout
    assert_same(numbers(tmp_path / "out"), before)


@pytest.mark.usefixtures("unrendered")
def test_a_failing_condition_leaves_the_others_and_its_traceback(cli, toy, tmp_path):
    command = ("run", toy, "--out", "out", "--seeds", 1)
    ran = cli(*command, TOY_FAIL="rate-flat")
    assert ran.returncode == 1
    assert "RuntimeError: the line broke; traceback: out/toy/" in ran.stderr
    assert "Traceback" not in ran.stderr
    lines = tmp_path / "out" / "toy" / "lines"
    assert sorted(path.stem for path in lines.glob("*.nc")) == ["rate-steep", "spiking-steep"]
    errors = list((tmp_path / "out").rglob("*.error.txt"))
    assert all("the line broke" in path.read_text() for path in errors)
    assert cli(*command, "--resume").returncode == 0
    assert not list((tmp_path / "out").rglob("*.error.txt"))


def test_dry_run_says_everything_and_writes_nothing(cli, toy, tmp_path, computed):
    ran = cli("run", toy, "--dry-run", "--seeds", 2, "--set", "noise=0.25")
    assert ran.returncode == 0
    for text in ("0.25", "seeds: 100 to 101 (n = 2)", "results/toy/lines/rate-flat.nc"):
        assert text in ran.stdout
    assert computed() == []
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "nois=3"], "nois: unknown name in Line; nearest: noise"),
        (["--set", "noise"], "set: got 'noise'; allowed: name=value"),
        (["--set", "duration=10"], "duration: got '10'; allowed: a value in seconds"),
        (["--preset", "dem"], "toy/lines: preset: got 'dem'; nearest: demo"),
        (["--level", "spikes"], "level: got 'spikes'; allowed in toy/lines: rate, spiking"),
        (["--seeds", "0"], "seeds: got 0; allowed: >= 1"),
        (["--seed", "-1"], "seed: got -1; allowed: >= 0"),
        (["--jobs", "0"], "jobs: got 0; allowed: >= 1"),
        (["--jobs", "two"], "Invalid value for '--jobs'"),
        (["--sede", "3"], "No such option: --sede"),
        (["--set", "noise=1", "--set", "noise=2"], "set: got noise twice; allowed: each name once"),
        (["--out", "/dev/null/here"], "out: got /dev/null/here/toy/lines; allowed: a folder"),
    ],
)
def test_bad_input_is_one_line_before_any_work(cli, toy, tmp_path, computed, words, message):
    ran = cli("run", toy, *words)
    assert ran.returncode == 2
    assert ONE_LINE.fullmatch(ran.stderr), ran.stderr
    assert message in ran.stderr
    assert computed() == []
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "none-such"], "experiment: got 'none-such'; allowed: "),
        (["run", "missing.py"], "allowed: a Python file that exists"),
        (["run", "broken.py"], "broken.py: ZeroDivisionError: division by zero"),
        (["run", "empty.py"], "no EXPERIMENTS in this file"),
        (["figures", "none-such"], "figure: got 'none-such'"),
        (["show", "none.nc"], "none.nc: cannot be read (No such file"),
        (
            ["describe", "meta-hebbian", "--out", "none/a.md"],
            "none/a.md: cannot be written (No such",
        ),
        (["frobnicate"], "No such command 'frobnicate'"),
    ],
)
def test_wrong_names_and_files_are_one_line(cli, tmp_path, words, message):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "empty.py").write_text("\n")
    ran = cli(*words)
    assert ran.returncode == 2
    assert ONE_LINE.fullmatch(ran.stderr), ran.stderr
    assert message in ran.stderr


def test_debug_shows_the_traceback(cli, tmp_path):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    with pytest.raises(ValueError, match="division by zero"):
        cli("--debug", "run", "broken.py")


def test_show_prints_variables_parameters_and_provenance(cli, toy):
    cli("run", f"{toy}/batch", "--out", "out")
    shown = cli("show", "out/rate-steep.nc")
    assert shown.returncode == 0
    for text in ("1.98 ± 0.11", "example (second)", "time 50", "noise", "cpu", "revision"):
        assert text in shown.stdout


def test_listing_imports_neither_brian2_nor_matplotlib_nor_pydantic(tmp_path):
    code = (
        "import sys; sys.argv = ['spikeconsol', 'list']\n"
        "from spikeconsol.lab.cli import main\n"
        "try: main()\n"
        "finally: assert not {'brian2', 'matplotlib', 'pydantic'} & {*sys.modules}"
    )
    # Not in the repository, where the package's own folder would hide the installed models.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=tmp_path)
    assert done.returncode == 0


def test_half_written_files_of_killed_runs_are_removed_in_time(cli, toy, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    old, new = folder / ".rate-flat.nc.1-a.tmp", folder / ".rate-flat.nc.2-b.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    cli("run", f"{toy}/batch", "--out", "out")
    assert not old.exists()
    assert new.exists()
