"""Files from strangers: nothing is run, followed, obeyed or allocated that was not asked for."""

import hashlib
import json
import re

import h5py
import numpy as np
import pytest
import xarray as xr

from spikeconsol import sealed as files
from spikeconsol.lab import results
from spikeconsol.lab.collect import open_results
from spikeconsol.lab.results import ResultError, load, save, verify

ONE_LINE = re.compile(r"error: [^\n]+\n")
GOOD = {
    "experiment": "toy/lines",
    "source": "",
    "condition": "rate-flat",
    "name": "flat",
    "level": "rate",
    "label": "flat line",
    "parameters": '{"points": 50}',
    "units": '{"points": "1"}',
    "columns": ["slope"],
    "seeds": [100],
    "sweep": "",
    "command": "spikeconsol run toy.py",
    "code": "0" * 16,
    "seconds": 0.5,
    "versions": {"numpy": "2"},
}


def sealed(path, write):
    """Write a file by hand and seal it as a stranger could."""
    with h5py.File(path, "w") as file:
        file.attrs["format"] = results.FORMAT
        write(file)
    content = path.read_bytes()
    seal = files._SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n"
    path.write_bytes(content + seal)
    verify(path)
    return path


def forged(path, **attributes):
    dataset = xr.Dataset({"slope": ("seed", [1.0], {"units": "1"})}, coords={"seed": [100]})
    save(dataset, path, {**GOOD, **attributes})
    return path


# --------------------------------------------------------------------------- what is not run


def test_rerun_runs_a_file_only_when_it_is_told_to(cli, toy, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(toy.read_text())
    assert cli("run", f"{own}/batch", "--out", "out").returncode == 0
    path = "out/rate-flat.nc"
    marker = tmp_path / "ran"
    refused = cli("rerun", path)
    assert refused.returncode == 2
    assert ONE_LINE.fullmatch(refused.stderr)
    assert f"would run {own} (as it was)" in refused.stderr
    assert "--trust" in refused.stderr
    own.write_text(f"open({str(marker)!r}, 'w')\n" + toy.read_text())
    assert "has changed since" in cli("rerun", path).stderr
    assert not marker.exists()
    trusted = cli("rerun", path, "--trust")
    assert trusted.returncode == 0, trusted.stderr
    assert "every number matches" in trusted.stdout
    assert "note: source_hash: " in trusted.stdout
    marker.unlink()
    assert cli("rerun", path, "--source", toy).returncode == 0
    assert not marker.exists()


@pytest.mark.parametrize("name", ["evil.py", "./evil.py", "../evil.py"])
def test_a_file_named_relative_to_the_current_folder_is_never_run(cli, tmp_path, name):
    (tmp_path / "evil.py").write_text("raise SystemExit('was run')")
    forged(tmp_path / "a.nc", source=name)
    for words in ((), ("--trust",)):
        ran = cli("rerun", "a.nc", *words)
        assert ran.returncode == 2
        assert "not saying where it lies" in ran.stderr


def test_a_source_for_an_installed_model_is_refused(cli, tmp_path, toy):
    forged(tmp_path / "a.nc")
    assert "is of an installed model" in cli("rerun", "a.nc", "--source", toy).stderr


# ----------------------------------------------------------------------- what is not followed


def soft(file, secret):
    file["x"] = h5py.SoftLink("/nowhere")


def outside(file, secret):
    file["x"] = h5py.ExternalLink(str(secret), "/private")


def nested(file, secret):
    file.create_group("deep")["x"] = h5py.ExternalLink(str(secret), "/private")


def external(file, secret):
    file.create_dataset("x", (8,), "u1", external=[(str(secret), 0, 8)])


def virtual(file, secret):
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(secret), "private", (3,))
    file.create_virtual_dataset("x", layout)


@pytest.mark.parametrize("lead", [soft, outside, nested, external, virtual])
def test_what_leads_out_of_a_file_is_refused(cli, tmp_path, lead):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["private"] = np.arange(3.0)
    path = sealed(tmp_path / "a.nc", lambda file: lead(file, secret))
    with pytest.raises(ResultError, match=r"x (is a link|lies in other files)"):
        load(path)
    with pytest.raises(ResultError, match=r"x (is a link|lies in other files)"):
        open_results(tmp_path)
    for words in (("show",), ("export", "--to", "csv"), ("export", "--to", "npz")):
        ran = cli(words[0], path, *words[1:])
        assert ran.returncode == 2
        assert ONE_LINE.fullmatch(ran.stderr)
    assert not list(tmp_path.glob("*.npz"))


def test_variables_beyond_the_stated_size_need_to_be_asked_for(cli, tmp_path, monkeypatch):
    path = sealed(
        tmp_path / "a.nc",
        lambda file: file.create_dataset("x", (10**6, 10**6), "f8", chunks=(1000, 1000)),
    )
    assert path.stat().st_size < 10_000
    for words in (("show",), ("export", "--to", "npz")):
        ran = cli(words[0], path, *words[1:])
        assert ran.returncode == 2
        assert "its variables take 8e+03 GB of memory; allowed: 4 GB, or more with" in ran.stderr
    assert "GB" not in cli("show", path, "--large").stderr
    monkeypatch.setattr(files, "LARGE", 4)
    small = forged(tmp_path / "b.nc")
    with pytest.raises(ResultError, match="--large"):
        load(small)
    assert load(small, large=True).slope.size == 1


# -------------------------------------------------------------------------- what is not obeyed


@pytest.mark.parametrize("command", ["show", "report"])
def test_text_is_shown_as_text(cli, tmp_path, command):
    forged(
        tmp_path / "a.nc",
        label="gate [off] [/x] rule",
        command="spikeconsol \x1b[2J\x1b]0;title\x07 run",
        parameters='{"a[b]": "[red]\\u001b[31m"}',
    )
    ran = cli(command, "." if command == "report" else "a.nc")
    assert ran.returncode == 0, ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr
    if command == "show":
        assert "gate [off] [/x] rule" in ran.stdout
        assert r"\x1b[2J\x1b]0;title\x07" in ran.stdout
        assert r"[red]\x1b[31m" in ran.stdout


def test_the_table_of_a_run_shows_labels_as_they_are(cli, toy, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(toy.read_text().replace('label="flat line"', 'label="flat [off] [/x] line"'))
    ran = cli("run", f"{own}/batch", "--out", "out")
    assert ran.returncode == 0, ran.stderr
    assert "flat [off] [/x] line" in ran.stdout


def test_error_messages_have_no_control_characters(cli, tmp_path):
    forged(tmp_path / "a.nc", source="/nowhere/\x1b[31mevil.py")
    for words in (("rerun", "a.nc"), ("show", "\x1b[31m.nc"), ("run", "\x1b]0;x\x07")):
        ran = cli(*words)
        assert ran.returncode == 2
        assert "\x1b" not in ran.stderr
        assert "\\x1b" in ran.stderr


@pytest.mark.parametrize("kind", ["text", "a link", "a link to a picture"])
def test_a_report_embeds_only_pictures_of_its_own_folder(cli, tmp_path, kind):
    folder = tmp_path / "out" / "figures"
    folder.mkdir(parents=True)
    forged(tmp_path / "out" / "a.nc")
    (folder / "f.json").write_text(json.dumps({"caption": "a figure"}))
    png = b"\x89PNG\r\n\x1a\n" + bytes([0, 0, 0, 13]) + b"IHDR" + bytes(13)
    secret = tmp_path / "secret"
    secret.write_bytes(png if kind == "a link to a picture" else b"the reader's own file")
    if kind == "text":
        (folder / "f.png").write_bytes(secret.read_bytes())
    else:
        (folder / "f.png").symlink_to(secret)
    ran = cli("report", "out")
    assert ran.returncode == 2
    assert "f.png: not a PNG file of this folder" in ran.stderr


ODD = ["", "[]", "{}", "not JSON", "[" * 3000, 3, [1.0, 2.0]]


@pytest.mark.parametrize("name", sorted({*GOOD, "format"}))
def test_forged_attributes_are_one_line(cli, tmp_path, name):
    path = tmp_path / "a.nc"
    for value in [*ODD, None]:

        def write(file, value=value):
            seed = file.create_dataset("seed", data=[100])
            seed.make_scale("seed")
            slope = file.create_dataset("slope", data=[1.0])
            slope.dims[0].attach_scale(seed)
            for key, good in {**GOOD, "format": results.FORMAT}.items():
                file.attrs[key] = files._attribute(good)
            del file.attrs[name]
            if value is not None:
                file.attrs[name] = np.array(value) if isinstance(value, list) else value

        try:
            sealed(path, write)
        except (TypeError, ValueError):  # HDF5 itself does not hold it
            continue
        for words in (("show", "a.nc"), ("report", "."), ("rerun", "a.nc", "--trust")):
            ran = cli(*words)
            assert ran.returncode in (0, 1, 2)
            assert "Traceback" not in ran.stderr
            assert ran.returncode != 2 or ONE_LINE.fullmatch(ran.stderr), ran.stderr
        path.unlink()
