"""The code of the documentation's pages runs, page by page, as a reader would paste it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
#: Pages whose blocks run one after the other in one file.
PAGES = ("your_own_rule.md",)


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_runs(page, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert blocks
    (tmp_path / "page.py").write_text("\n".join(blocks))
    process = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr[-2000:]
