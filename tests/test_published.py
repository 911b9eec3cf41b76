"""What a release publishes names its repository, and no link of its README is relative."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/owner/name"


@pytest.fixture(scope="module")
def published():
    path = ROOT / "packaging" / "published.py"
    spec = importlib.util.spec_from_file_location("published", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_has_no_relative_link_on_pypi(published):
    readme = (ROOT / "README.md").read_text()
    text = published.absolute(readme, REPOSITORY, "v1.0")
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert len(targets) == len(re.findall(r"\]\(([^)]+)\)", readme))
    assert all(target.startswith(("https://", "#")) for target in targets)
    ours = [target for target in targets if target.startswith(REPOSITORY)]
    for target in ours:
        kind, path = re.fullmatch(rf"{REPOSITORY}/(raw|blob)/v1\.0/(\S+)", target).groups()
        assert (ROOT / path).exists()
        assert (kind == "raw") == path.endswith(".png")
    assert published.absolute(text, REPOSITORY, "v1.0") == text


def test_metadata_and_citation_name_the_repository_and_the_version(published):
    pyproject = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(published.named(pyproject, REPOSITORY, "v1.0"))["project"]
    assert project["urls"]["Repository"] == REPOSITORY
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nrepository-code: {REPOSITORY}\n" in published.cited(citation, REPOSITORY)
    assert f"\nversion: {project['version']}\n" in citation
    assert f"\n## {project['version']} - " in (ROOT / "CHANGELOG.md").read_text()


def test_the_recipe_asks_for_what_the_package_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text()
    assert f'version: "{project["version"]}"' in recipe
    run = recipe[recipe.index("  run:") : recipe.index("tests:")]
    asked = dict(re.findall(r"- ([\w-]+) (>=[\d.]+)", run))
    wanted = {}
    for line in project["dependencies"]:
        name, lower = re.match(r"([\w-]+)(>=[\d.]+)", line).groups()
        wanted["matplotlib-base" if name == "matplotlib" else name] = lower
    assert asked == wanted | {"python": project["requires-python"]}


def test_every_package_is_in_the_wheel():
    """A package that `pyproject.toml` does not list works in the checkout and nowhere else."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "spikeconsol").rglob("__init__.py")
    }
    assert found <= set(listed)
