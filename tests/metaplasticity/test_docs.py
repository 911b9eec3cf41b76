"""The page on own tasks and rules does what it says."""

import re
from pathlib import Path

import pytest

from spikeconsol.metaplasticity import rules

PAGE = Path(__file__).parents[2] / "docs" / "your_own_task.md"


@pytest.mark.usefixtures("restored_rules")
@pytest.mark.slow
def test_every_block_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.S)
    assert len(blocks) == 3
    space: dict = {"__name__": "page"}
    for block in blocks:
        quick = re.sub(r"episodes=\d+", "episodes=510", block).replace(
            "seeds=range(5))", "seeds=range(5), episodes=510)"
        )
        # Spikes have tests of their own.
        quick = re.sub(r"SpikingNetwork\(.*\n", "", quick)
        exec(compile(quick, str(PAGE), "exec"), space)
    assert (tmp_path / "odd.nc").exists()
    assert "presynaptic_gate" in rules.RULES


@pytest.fixture
def restored_rules():
    kept = dict(rules._REGISTERED)
    yield
    rules._REGISTERED.clear()
    rules._REGISTERED.update(kept)
