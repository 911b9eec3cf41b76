"""Command lines of all kinds: a result, or one line; never a traceback, never a hang."""

import os
import random
import signal

import pytest

#: Command lines: 2,000 with FUZZ=10.
LINES = 200 * int(os.environ.get("FUZZ", "1"))
SECONDS = 120

COMMANDS = ["run", "sweep", "rerun", "show", "describe", "export", "report", "figures", "version"]
OPTIONS = [
    *("--set", "--over", "--preset", "--level", "--seed", "--seeds", "--out", "--design"),
    *("--samples", "--design-seed", "--workers", "--jobs", "--to", "--condition", "--source"),
    *("--retry", "--replace", "--dry-run", "--resume", "--trust", "--large", "--check"),
    *("--no-run", "--results", "--help", "--nonsense", "-x", "--"),
]
VALUES = [
    *("points=5", "points=5,6", "points=5:7:1", "noise=0:1", "duration=3 ms", "duration=3"),
    *("points=-1", "points=nan", "noise=inf", "noise=1e999", "=", "a=b=c", "points=1:1:0"),
    *("points=9:1:1", "points=1E+1000000:1:1", "log:0:1", "rate", "spiking", "demo", "0", "1"),
    *("2", "-1", "1e3", "10000000000000", "", " ", "\x1b[31m", "é", "[x]", "../up", "/dev/null"),
    *("nwb", "neo-nix", "npz", "csv", "latex", "markdown", "grid", "list", "random", "out"),
    *("results", "good.nc", "bad.nc", "empty.nc", "none.nc", "broken.py", "TOY", "TOY/batch"),
    *("TOY/lines", "TOY/none", "sweep.toml", "bad.toml", "sequential-memory", "toy-lines", "."),
]


@pytest.fixture
def folder(cli, toy, tmp_path):
    """Files that command lines may name."""
    cli("run", f"{toy}/batch", "--seeds", 1, "--out", "made")
    whole = (tmp_path / "made" / "rate-flat.nc").read_bytes()
    (tmp_path / "good.nc").write_bytes(whole)
    (tmp_path / "bad.nc").write_bytes(whole[:-200])
    (tmp_path / "empty.nc").write_bytes(b"")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "sweep.toml").write_text(
        f"experiment = {str(toy)!r}\nseeds = 1\n[over]\npoints = [5, 6]\n"
    )
    (tmp_path / "bad.toml").write_text("[over\n")
    return tmp_path


def line(rng):
    """Draw a command line that is wrong in few places."""
    words = [rng.choice(COMMANDS)]
    if rng.random() < 0.8:
        target = {"run": "TOY/batch", "sweep": "TOY/batch", "describe": "TOY/batch"}
        words.append(target.get(words[0], "good.nc"))
    for _ in range(rng.randrange(4)):
        words.append(rng.choice(OPTIONS))
        if rng.random() < 0.8:
            words.append(rng.choice(VALUES))
    if rng.random() < 0.3:
        words.insert(rng.randrange(len(words) + 1), rng.choice(VALUES))
    # Neither models that take minutes nor files of this machine.
    return [word for word in words if word != "sequential-memory" or words[0] == "show"]


@pytest.mark.usefixtures("without_dask")
def test_command_lines_of_all_kinds(cli, toy, folder, monkeypatch):
    # Installed models would be computed for minutes where a figure needs them.
    monkeypatch.setattr("spikeconsol.lab.actions.compute_missing", lambda *_: False)

    def hang(*_):
        raise TimeoutError("hangs")

    rng = random.Random(0)
    before = signal.signal(signal.SIGALRM, hang)
    wrong = []
    try:
        for _ in range(LINES):
            words = [word.replace("TOY", str(toy)) for word in line(rng)]
            if "--jobs" in words:  # processes take a second each to start
                words[words.index("--jobs") + 1 : words.index("--jobs") + 2] = ["0"]
            signal.alarm(SECONDS)
            try:
                ran = cli(*words)
            except BaseException as error:
                wrong.append(f"{words}: {type(error).__name__}: {error}")
                continue
            finally:
                signal.alarm(0)
            errors = ran.stderr.splitlines()
            if "Traceback" in ran.stdout + ran.stderr or "\x1b" in ran.stderr:
                wrong.append(f"{words}: {ran.stderr}")
            elif ran.returncode == 2 and (len(errors) != 1 or not errors[0].startswith("error: ")):
                wrong.append(f"{words}: not one line: {errors}")
            elif ran.returncode not in (0, 1, 2):
                wrong.append(f"{words}: ended with {ran.returncode}")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not wrong, "\n".join(wrong)
