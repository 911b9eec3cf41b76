"""What docstrings show is what comes out."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"spikeconsol": "spikeconsol", "models": "spikeconsol.models"}
FOLDERS["figures"] = "spikeconsol.figures"
SHOWING = [
    f"{module}.{'.'.join(path.relative_to(ROOT / folder).with_suffix('').parts)}"
    for folder, module in FOLDERS.items()
    for path in sorted((ROOT / folder).rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", SHOWING)
def test_examples_in_docstrings(name):
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
