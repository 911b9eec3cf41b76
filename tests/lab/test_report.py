import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
import xarray as xr

from spikeconsol.lab.report import write_report
from spikeconsol.lab.results import load


class Page(HTMLParser):
    """The parts of a page: tags, links that lead out of it, cells and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.outside, self.values, self.text = [], [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in ("meta", "img", "wbr"):
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href") and not value.startswith("data:"):
                self.outside.append(value)
            if name == "data-value":
                self.values.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"] and self.open[-1:] != ["script"]:
            self.text += data


def test_the_page_is_whole_and_needs_nothing_else(cli, toy, tmp_path):
    assert cli("run", toy, "--preset", "demo", "--out", "out").returncode == 0
    ran = cli("report", "out")
    assert ran.returncode == 0, ran.stderr
    page = Page((tmp_path / "out" / "report.html").read_text())
    assert page.open == []
    assert page.outside == []
    assert page.tags.count("img") == 1
    for text in (
        "toy/lines",
        "toy/batch",
        "1.95 ± 0.18 of 2",
        "Lines with noise; n = 2 seeds.",
        "spikeconsol run",
        "duration",
        "second",
        "cpu",
    ):
        assert text in page.text
    assert page.tags.count("tr") > 12


@pytest.mark.usefixtures("without_dask")
def test_a_sweep_has_a_column_for_each_swept_parameter(cli, toy, tmp_path):
    over = ("--over", "points=10,20", "--over", "duration=1,2 ms")
    assert cli("sweep", f"{toy}/batch", *over, "--out", "out").returncode == 2  # "1" has no unit
    over = ("--over", "points=10,20", "--over", "duration=1 ms,2 ms")
    assert cli("sweep", f"{toy}/batch", *over, "--out", "out").returncode == 0
    text = write_report(tmp_path / "out", tmp_path / "report.html").read_text()
    heads = re.findall(r"<th[^>]*><button>(.*?)</button></th>", text)
    assert heads == ["duration (second)", "points", "level", "condition", "slope", "n", "file"]
    assert Page(text).values.count("0.002") == 6


def test_what_stands_in_files_cannot_become_markup(cli, toy, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(toy.read_text().replace('"flat line"', '"<script>alert(1)</script> & $title"'))
    cli("run", f"{own}/batch", "--out", "out")
    text = write_report(tmp_path / "out", tmp_path / "report.html").read_text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; $title" in text


@pytest.mark.parametrize("damage", ["nothing", "truncated"])
def test_bad_folders_are_one_line(cli, toy, tmp_path, damage):
    (tmp_path / "out").mkdir()
    if damage == "truncated":
        (tmp_path / "out" / "a.nc").write_bytes(b"\x89HDF\r\n\x1a\n")
    ran = cli("report", "out")
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "report.html").exists()


@pytest.mark.usefixtures("without_dask")
def test_points_are_sorted_by_value_and_drawn_with_their_interval(cli, toy, tmp_path):
    own = tmp_path / "own.py"
    long = '"long_name": "slope of the line"'
    own.write_text(toy.read_text().replace('"long_name": "slope"', long))
    command = ("sweep", f"{own}/batch", "--over", "points=120,60,9", "--level", "rate")
    assert cli(*command, "--out", "out").returncode == 0
    page = Page(write_report(tmp_path / "out", tmp_path / "report.html").read_text())
    assert [value for value in page.values if value in ("9", "60", "120")] == [
        *("9", "9", "60", "60", "120", "120"),
    ]
    assert page.tags.count("img") == 1
    assert "slope of the line against points; mean and 95% CI over 3 seeds." in page.text


@pytest.mark.usefixtures("without_dask")
def test_two_axes_give_a_heat_map_and_what_does_not_depend_on_one_is_shown_once(cli, toy, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        toy.read_text().replace(
            "    slope = np.polyfit(x, y.T, 1)[0]",
            "    slope = np.polyfit(x, y.T, 1)[0]\n"
            "    if condition.name == 'flat':\n        slope = 0 * slope + parameters.noise",
        )
    )
    over = ("--over", "points=120,60", "--over", "noise=0.2,0.1,0.3", "--level", "rate")
    assert cli("sweep", f"{own}/batch", *over, "--out", "out").returncode == 0
    page = Page(write_report(tmp_path / "out", tmp_path / "report.html").read_text())
    assert page.values.count("any") == 3
    assert page.values.count("flat line") == 3
    assert page.values.count("steep line") == 6
    assert "slope over noise and points; mean of 3 seeds." in page.text
    assert page.tags.count("img") == 1


@pytest.mark.usefixtures("without_dask")
def test_xarray_opens_a_folder_of_results_by_itself(cli, toy, tmp_path):
    from spikeconsol.lab.collect import as_point

    pytest.importorskip("dask")
    over = ("--over", "duration=5:15:5 ms", "--over", "noise=0.2,0.1", "--level", "rate")
    assert cli("sweep", f"{toy}/batch", *over, "--out", "out").returncode == 0
    files = sorted((tmp_path / "out").rglob("*.nc"))
    with xr.open_mfdataset(files, preprocess=as_point, engine="h5netcdf") as opened:
        assert dict(opened.slope.sizes) == {"condition": 2, "duration": 3, "noise": 2, "seed": 3}
        one = load(tmp_path / "out" / "duration=0.01,noise=0.2" / "rate-flat.nc")
        here = opened.sel(duration=0.01, noise=0.2, condition="rate-flat")
        assert (here.slope.values == one.slope.values).all()


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
@pytest.mark.usefixtures("without_dask")
def test_a_page_of_1200_pixels_needs_no_horizontal_scrolling(cli, toy, tmp_path):
    own = tmp_path / "own.py"
    long = "a line whose noise has been chosen with care, " * 3
    own.write_text(toy.read_text().replace("steep line", long))
    over = ("--over", "points=60,120", "--over", "noise=0.1,0.2", "--over", "duration=1 ms,2 ms")
    for number, words in enumerate((("run", own), ("sweep", f"{own}/batch", *over))):
        assert cli(*words, "--seeds", 1, "--out", f"out/{number}").returncode == 0
    path = write_report(tmp_path / "out", tmp_path / "report.html")
    measure = "document.title = document.documentElement.scrollWidth + ' of ' + window.innerWidth"
    path.write_text(path.read_text() + f"<script>{measure}</script>")
    # No sandbox: it does not start as root, and the page is our own.
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000"]
    drawn = subprocess.run(
        [BROWSER, *options, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
    )
    needed, given = map(int, re.search(r"<title>(\d+) of (\d+)</title>", drawn.stdout).groups())
    assert given == 1200
    assert needed <= given
