import json
import re

import pytest

from spikeconsol.lab import catalogue
from spikeconsol.lab.pipeline import result_files


@pytest.fixture
def installed(toy, tmp_path, monkeypatch):
    """The toy as an installed model, in a file that may be changed."""
    import matplotlib.font_manager  # noqa: F401  (before its list of fonts has to be made anew)

    own = tmp_path / "own.py"
    # All seeds at once: pieces and how they are joined are not what is tested.
    own.write_text(toy.read_text().replace("figures=(", "batched=True, figures=("))

    def modules(package, *only):
        return [catalogue._own_file(str(own))]

    def change(old, new):
        own.write_text(own.read_text().replace(old, new))

    monkeypatch.setattr(catalogue, "_modules", modules)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return change


def states(printed):
    return dict(line.split(maxsplit=1) for line in printed.stdout.splitlines()[1:])


def test_missing_results_are_computed_and_present_ones_reused(cli, installed, computed, tmp_path):
    before = cli("figures", "--check")
    assert before.returncode == 1
    assert states(before)["toy-lines"].strip() == "lacks the results of toy/lines"
    made = cli("figures")
    assert made.returncode == 0, made.stderr
    assert "missing: toy/lines, 3 conditions of 3 seeds: not run here before" in made.stdout
    assert len(computed()) == 3
    assert (tmp_path / "results" / "figures" / "toy-lines.png").exists()
    again = cli("figures")
    assert "toy-lines.pdf is up to date" in again.stdout
    assert len(computed()) == 3
    checked = cli("figures", "--check")
    assert checked.returncode == 0
    assert states(checked)["toy-lines"].strip() == "up to date"


def test_without_running_it_says_which_command_is_needed(cli, installed, computed):
    ran = cli("figures", "toy-lines", "--no-run")
    assert ran.returncode == 1
    assert "figure toy-lines: not drawn, it needs the results of spikeconsol run toy/lines" in (
        ran.stdout
    )
    assert computed() == []


@pytest.mark.usefixtures("unrendered")
def test_a_figure_that_shows_more_than_was_run_is_left_out_not_failed(cli, toy, tmp_path):
    own = tmp_path / "own.py"
    shown = 'results["toy/lines"].items():'
    assert shown in toy.read_text()
    own.write_text(
        toy.read_text().replace(shown, '[("steep", results["toy/lines"]["spiking-steep"])]:')
    )
    ran = cli("run", "own.py/lines", "--level", "rate", "--seeds", 1, "--out", "out")
    assert ran.returncode == 0, ran.stderr
    assert "figure toy-lines: not drawn, the results have no 'spiking-steep'" in ran.stdout
    ran = cli("run", "own.py/lines", "--seeds", 1, "--out", "out")
    assert "figure: out/figures/toy-lines.pdf" in ran.stdout


@pytest.mark.usefixtures("unrendered")
def test_changed_results_and_changed_code_make_a_figure_stale(
    cli, installed, tmp_path, monkeypatch
):
    assert cli("figures").returncode == 0
    cli("run", "toy/lines", "--set", "noise=0.3")  # draws again, in another folder
    assert states(cli("figures", "--check"))["toy-lines"].strip() == (
        "stale: the results have changed"
    )
    assert cli("figures").returncode == 0
    installed('style.panel_label(ax, "a")', 'style.panel_label(ax, "b")')
    assert states(cli("figures", "--check"))["toy-lines"].strip() == (
        "stale: the figure's code has changed"
    )
    assert cli("figures").returncode == 0
    monkeypatch.setattr("spikeconsol.lab.pipeline.code_version", lambda *_: "other")
    assert states(cli("figures", "--check"))["toy-lines"].strip() == (
        "stale: the results come from other code"
    )


@pytest.mark.usefixtures("unrendered")
def test_the_estimate_comes_from_what_the_same_conditions_took(cli, installed, tmp_path):
    cli("run", "toy/lines", "--out", "results/earlier", "--level", "rate")
    assert re.search(r"conditions of 3 seeds: about \d+\.\d min", cli("figures").stdout)


@pytest.mark.usefixtures("unrendered")
def test_captions_say_what_a_reader_must_know(cli, installed, tmp_path):
    cli("run", "toy/lines", "--seeds", 2, "--out", "out")
    caption = json.loads((tmp_path / "out" / "figures" / "toy-lines.json").read_text())
    assert caption["caption"] == "Lines with noise; n = 2 seeds."
    assert caption["seeds"] == {"toy/lines": [100, 101]}
    assert caption["made_by"] == ["spikeconsol run toy/lines --seeds 2 --out out"]
    assert set(caption["files"]) == {
        f"../{stem}.nc" for stem in ("rate-flat", "rate-steep", "spiking-steep")
    }


def test_drawing_twice_gives_the_same_files(cli, installed, tmp_path):
    cli("run", "toy/lines", "--out", "out")
    first = {path.name: path.read_bytes() for path in (tmp_path / "out/figures").iterdir()}
    for path in (tmp_path / "out/figures").iterdir():
        path.unlink()
    cli("run", "toy/lines", "--out", "out", "--resume")
    for suffix in (".pdf", ".png"):
        again = (tmp_path / "out/figures" / f"toy-lines{suffix}").read_bytes()
        assert again == first[f"toy-lines{suffix}"]


def test_results_are_found_by_name_or_beside(cli, installed, tmp_path):
    cli("run", "toy/batch", "--out", "named/toy/batch")
    cli("run", "toy/batch", "--out", "beside")
    for root in ("named", "beside"):
        assert len(result_files("toy/batch", [tmp_path / root])) == 3
    assert result_files("toy/lines", [tmp_path / "named", tmp_path / "beside"]) == []
