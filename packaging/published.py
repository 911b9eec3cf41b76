"""Write where the repository is into what is published: run before a release is built.

``python packaging/published.py https://github.com/OWNER/NAME v0.2.0`` makes the README's links
absolute, which PyPI would break otherwise, and names the repository in `pyproject.toml` and
`CITATION.cff`. In a clone, links stay relative.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def absolute(readme: str, repository: str, tag: str) -> str:
    """Return a page whose relative links and pictures lead to the repository's."""
    here = r"\]\((?!https?:|#|mailto:)([^)\s]+)\)"
    readme = re.sub(rf"(!\[[^]]*){here}", rf"\1]({repository}/raw/{tag}/\2)", readme)
    return re.sub(here, rf"]({repository}/blob/{tag}/\1)", readme)


def named(pyproject: str, repository: str, tag: str) -> str:
    """Return project metadata with the repository's addresses."""
    urls = {"Repository": "", "Issues": "/issues", "Changelog": f"/blob/{tag}/CHANGELOG.md"}
    lines = "".join(f'{name} = "{repository}{end}"\n' for name, end in urls.items())
    return pyproject.replace("[project.urls]\n", f"[project.urls]\n{lines}", 1)


def cited(citation: str, repository: str) -> str:
    """Return a citation file with the repository's address."""
    return citation.replace("\nlicense:", f"\nrepository-code: {repository}\nlicense:", 1)


def main(repository: str, tag: str) -> None:
    """Rewrite the three files in place."""
    for name, change in (
        ("README.md", lambda text: absolute(text, repository, tag)),
        ("pyproject.toml", lambda text: named(text, repository, tag)),
        ("CITATION.cff", lambda text: cited(text, repository)),
    ):
        path = ROOT / name
        path.write_text(change(path.read_text()))


if __name__ == "__main__":
    main(*sys.argv[1:])
