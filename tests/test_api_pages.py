"""The reference: every public name has a place in it."""

import importlib
import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[1] / "docs" / "api"
SHOWN = {
    module
    for page in PAGES.glob("*.md")
    for module in re.findall(r"^::: (\S+)", page.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize(
    "package",
    [
        "bottleneck",
        "bottleneck.memory",
        "consolidation",
        "consolidation.rules",
        "data",
        "lab",
        "metaplasticity",
    ],
)
def test_every_public_name_is_in_the_reference(package):
    package = importlib.import_module(f"spikeconsol.{package}")
    missing = set()
    for name in package.__all__:
        module = getattr(getattr(package, name), "__module__", "")
        if module.startswith("spikeconsol"):
            missing |= {f"{module}: {name}"} if module not in SHOWN else set()
    assert not missing
