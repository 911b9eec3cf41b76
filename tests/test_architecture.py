"""Who may import whom, as docs/architecture.md says."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "spikeconsol"
WINGS = ("consolidation", "bottleneck", "metaplasticity")
NEUTRAL = {"brian", "checks", "data", "optimise", "parameters", "progress_bar", "statistics"}
NEUTRAL |= {"testing", "values", "sources", "sealed", "plain", "formats", "display"}


def imported(path):
    """Names of all modules that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(folder):
    return sorted(folder.rglob("*.py"))


@pytest.mark.parametrize("path", [p for wing in WINGS for p in files(LIBRARY / wing)], ids=str)
def test_wings_import_themselves_and_what_is_neutral(path):
    own = path.relative_to(LIBRARY).parts[0]
    for name in imported(path):
        match = re.match(r"spikeconsol\.(\w+)", name)
        if match and (LIBRARY / match[1]).with_suffix(".py").exists():
            assert match[1] in NEUTRAL, name
        elif match and (LIBRARY / match[1]).is_dir():
            assert match[1] == own or match[1] in NEUTRAL, name


@pytest.mark.parametrize("path", files(LIBRARY / "lab"), ids=str)
def test_the_laboratory_knows_no_wing(path):
    assert not any(
        name.startswith(f"spikeconsol.{wing}") for name in imported(path) for wing in WINGS
    )


@pytest.mark.parametrize("wing", WINGS)
def test_the_rate_reference_does_not_need_brian2(wing):
    path = LIBRARY / wing / "rate.py"
    assert not any(name.split(".")[0] == "brian2" for name in imported(path))


@pytest.mark.parametrize("path", files(ROOT / "figures"), ids=str)
def test_figures_compute_nothing_with_a_wing(path):
    assert not any(
        name.startswith(f"spikeconsol.{wing}") for name in imported(path) for wing in WINGS
    )


@pytest.mark.parametrize(
    "path", [p for p in files(LIBRARY) if "brian" not in p.relative_to(LIBRARY).parts], ids=str
)
def test_only_brian_touches_the_device(path):
    names = imported(path)
    assert not {"brian2.get_device", "brian2.set_device", "brian2.all_devices"} & names
    assert not any(name.startswith("brian2.devices") for name in names)
    assert "insert_code" not in path.read_text()


@pytest.mark.parametrize("wing", WINGS)
def test_every_wing_has_the_same_rooms(wing):
    rooms = {path.name for path in (LIBRARY / wing).iterdir()}
    assert {"rate.py", "spiking.py", "parameters.py"} <= rooms
    assert {"rules.py", "rules", "hsic.py"} & rooms
    assert {"equations.py", "equations"} & rooms


def test_the_page_names_every_module_and_no_other():
    rooms = (ROOT / "docs" / "architecture.md").read_text().split("```")[1]
    library = [path.relative_to(LIBRARY) for path in files(LIBRARY)]
    named = set(re.findall(r"\w+", rooms))
    assert [str(path) for path in library if path.stem not in named | {"__init__"}] == []
    modules = {path.stem for path in library} | {part for path in library for part in path.parts}
    of_folders = re.findall(r"^ {4}((?:\w+, )*\w+)(?=\s)", rooms, re.M)
    alone = re.findall(r"\b(\w+)\.py", rooms)
    said = {name for names in of_folders for name in names.split(", ")} | set(alone)
    assert said - modules == set()


def test_no_modules_import_each_other_in_a_circle():
    """At the top of files; a function may import what needs its own module."""

    def imported_at_the_top(path):
        nodes = list(ast.parse(path.read_text()).body)
        while nodes:
            node = nodes.pop()
            if isinstance(node, ast.ImportFrom) and node.module:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.Try):
                nodes += node.body
            elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
                nodes += node.body + node.orelse

    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in files(LIBRARY)
    }
    graph = {
        module: {
            found for found in (of(name, paths) for name in imported_at_the_top(path)) if found
        }
        for module, path in paths.items()
    }
    assert graph["spikeconsol.bottleneck.rate"] > {"spikeconsol.bottleneck.network"}
    tuple(TopologicalSorter(graph).static_order())  # a CycleError names the circle


def of(name, paths):
    """The module that a dotted name is, or is in."""
    while name and name not in paths:
        name = name.rpartition(".")[0]
    return name


def test_nothing_imports_everything():
    library = [*files(LIBRARY), *files(ROOT / "models"), *files(ROOT / "figures")]
    for path in library:
        assert not any(name.endswith(".*") for name in imported(path)), path


@pytest.mark.parametrize("folder", ["spikeconsol", "models", "figures"])
def test_files_of_more_than_400_lines_give_a_reason(folder):
    reasons = (ROOT / "docs" / "architecture.md").read_text().split("## Long files")[1]
    for path in files(ROOT / folder):
        if len(path.read_text().splitlines()) > 400:
            assert f"`{path.relative_to(ROOT)}`" in reasons.split("\n## ")[0], path


@pytest.mark.parametrize("name", ["spikeconsol", "spikeconsol.consolidation"])
def test_importing_the_package_is_light(tmp_path, name):
    code = (
        f"import sys, numpy; before = set(sys.modules); import {name}; "
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "heavy = {'brian2', 'matplotlib', 'scipy', 'xarray', 'pandas', 'sklearn', 'numba', 'jax'}; "
        "sys.exit(', '.join(sorted(loaded & heavy)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
