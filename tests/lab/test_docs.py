import re
import subprocess
from pathlib import Path

import pytest

from spikeconsol.lab.sweep import points, read_toml

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "laboratory.md"


def blocks(language, page=PAGE):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_experiment_of_the_documentation_runs(cli, tmp_path):
    (code,) = (block for block in blocks("python") if "EXPERIMENTS" in block)
    (tmp_path / "my_model.py").write_text(code)
    ran = cli("run", "my_model.py", "--set", "stored=60", "--seeds", 2)
    assert ran.returncode == 0, ran.stderr
    assert "curvature gate" in ran.stdout


def test_the_first_hour_ends_with_a_figure(cli, tmp_path):
    (code,) = (block for block in blocks("python", DOCS / "first_hour.md") if "FIGURES" in block)
    (tmp_path / "my_model.py").write_text(code)
    few = ("--set", "stored=20", "--set", "tested=5", "--seeds", 2)
    ran = cli("run", "my_model.py", *few, "--level", "rate")
    assert ran.returncode == 0, ran.stderr
    assert "figure: results/cue-damage/figures/cue_damage.pdf" in ran.stdout
    assert cli("rerun", "results/cue-damage/rate-gate.nc", "--trust").returncode == 0


def test_the_sweep_of_the_documentation_is_the_one_of_its_command(tmp_path):
    (text,) = blocks("toml")
    (tmp_path / "size.toml").write_text(text)
    assert len(points(read_toml(tmp_path / "size.toml").sweep)) == 10 * 3


def test_every_job_of_the_cluster_recipe_has_a_cache_that_nobody_can_guess_or_enter():
    (prologue,) = re.findall(r'job_script_prologue=\["(.*?)"\]', PAGE.read_text())
    folders = []
    for _ in range(2):
        ran = subprocess.run(
            ["sh", "-c", f"{prologue}; echo $SPIKECONSOL_CACHE"], capture_output=True, text=True
        )
        folders.append(Path(ran.stdout.strip()))
    try:
        assert len({*folders}) == 2
        assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in folders)
    finally:
        for folder in folders:
            folder.rmdir()


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"(?:^|`)spikeconsol ([a-z]+)", PAGE.read_text(), re.M)))
)
def test_commands_of_the_documentation_exist(cli, command):
    assert cli(command, "--help").returncode == 0
