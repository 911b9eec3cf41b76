"""The code of README and pages: what it imports exists, and it runs as a reader would paste it."""

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Pages whose first blocks run, one after the other: how many. All store in networks of the same
#: form, which is compiled once.
RUN = {"README.md": 2, "first_hour.md": 4, "your_own_patterns.md": 1, "your_own_rule.md": 2}
#: Blocks that are not run here, and why.
ELSEWHERE = {
    "first_hour.md": "its last block is an experiment, run in tests/lab/test_docs.py",
    "laboratory.md": "run in tests/lab/test_docs.py",
    "your_own_task.md": "run in tests/metaplasticity/test_docs.py",
    "your_own_patterns.md": "its last block is part of a call",
    "bottleneck.md": "takes minutes: its networks are those of the claims",
    "continual.md": "takes minutes: its stream is that of the claims",
    "cortical_memory.md": "takes minutes: its network is that of the claims",
    "metaplasticity.md": "takes minutes: its training is that of the claims",
    "spiking_bottleneck.md": "takes minutes: its networks are those of the claims",
    "working_memory.md": "takes minutes: its stream is that of the claims",
}


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def test_every_block_runs_or_says_why_not():
    for page in PAGES:
        if len(blocks(page)) > RUN.get(page.name, 0):
            assert page.name in ELSEWHERE, page.name
    assert {*RUN, *ELSEWHERE} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda page: page.name)
def test_what_a_page_imports_exists(page):
    for block in blocks(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("spikeconsol"):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    named = f"{node.module}.{alias.name}"
                    assert hasattr(module, alias.name) or importlib.import_module(named)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_code_of_a_page_runs(name, tmp_path):
    (page,) = (page for page in PAGES if page.name == name)
    (tmp_path / "page.py").write_text("\n".join(blocks(page)[: RUN[name]]))
    process = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-2000:]


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text()):
            there = page.parent / target
            # Pages of notebooks are made when the site is.
            source = there.with_suffix(".ipynb")
            assert there.exists() or source.exists(), f"{page.name}: {target}"
