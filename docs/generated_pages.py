"""MkDocs hook: pages made from notebooks, and the gallery from the figures and their captions.

Nothing is run and nothing is fetched when the site is built or read: text, code and pictures are
those that the notebooks and `docs/images` hold.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files


def on_files(files: Files, *, config: Any) -> Files:
    """Put a page in the place of every notebook."""
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.remove(file)
        notebook = Path(config["docs_dir"]) / file.src_uri
        name = file.src_uri.removesuffix(".ipynb") + ".md"
        files.append(File.generated(config, name, content=page(json.loads(notebook.read_text()))))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Put the figures in the place that the gallery keeps for them."""
    if page.file.src_uri != "gallery.md":
        return markdown
    return markdown.replace("<!-- figures -->", gallery(Path(config["docs_dir"]) / "images"))


def on_page_content(html: str, *, page: Any, config: Any, files: Files) -> str:
    """Show the formulas of docstrings as text: no program for them is fetched."""
    return re.sub(r":math:\s*(?=<code>)|\.\. math::\s*", "", html)


def gallery(images: Path) -> str:
    """Return every figure with its caption and its commands; without a picture where none lies."""
    from spikeconsol import figures

    shown, others = [], []
    for module in pkgutil.iter_modules(figures.__path__):
        found = importlib.import_module(f"spikeconsol.figures.{module.name}")
        for figure in getattr(found, "FIGURES", ()):
            commands = "\n".join(f"spikeconsol run {need}" for need in figure.needs)
            # Results, which know n, are not at hand; the figure states it.
            caption = re.sub(r"n = \{n\}( test)?( seeds)?", "n in the figure", figure.caption)
            caption = caption.replace("{n}", "n")
            parts = [f"## {figure.name.replace('_', ' ').capitalize()}"]
            drawn = (images / f"{figure.name}.png").exists()
            if drawn:
                parts.append(f"![{figure.name}](images/{figure.name}.png)")
            parts += [caption, fenced(commands, "sh"), times(figure.needs)]
            (shown if drawn else others).append("\n\n".join(parts))
    return "\n\n".join(shown + others)


def times(commands: tuple[str, ...]) -> str:
    """Say how long those commands took whose results have told it."""
    table = json.loads(Path(__file__).with_name("figure_times.json").read_text())
    known = [
        f"`{name}`: {table[name]['seconds'] / 60:.0f} min for {table[name]['seeds']} seeds"
        for name in commands
        if name in table
    ]
    return "Time on one core: " + ", ".join(known) + "." if known else ""


def page(notebook: dict[str, Any]) -> str:
    """Return a notebook as Markdown, its pictures in it."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else fenced(source, "python"))
        for output in cell.get("outputs", ()):
            parts.append(shown(output))
    return "\n\n".join(filter(None, parts)) + "\n"


def shown(output: dict[str, Any]) -> str:
    """Return one output: a picture, a table of the object's own, or text."""
    data = output.get("data", {})
    if "image/png" in data:
        return (
            f'<img alt="figure" src="data:image/png;base64,{"".join(data["image/png"]).strip()}">'
        )
    if "text/html" in data:
        return re.sub(r"\n\s*\n", "\n", "".join(data["text/html"]))
    text = "".join(output.get("text", data.get("text/plain", "")))
    return fenced(text.rstrip(), "text") if text and output.get("name") != "stderr" else ""


def fenced(text: str, language: str) -> str:
    """Return text as a block."""
    return f"```{language}\n{text}\n```"
