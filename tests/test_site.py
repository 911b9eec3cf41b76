"""The site that `make docs` has built: whole, near, searchable. Skipped where it is not built."""

import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlparse

import pytest

SITE = Path(__file__).parents[1] / "site"
pytestmark = pytest.mark.skipif(not (SITE / "index.html").exists(), reason="make docs first")
PAGES = {path for path in SITE.rglob("*.html") if path.name != "404.html"}


class Targets(HTMLParser):
    """Where links and pictures of a page lead, menus apart from its text."""

    def __init__(self, page):
        super().__init__()
        self.page, self.text, self.pictures, self.menus = page, set(), set(), 0
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.menus += tag == "nav"
        if tag == "a" and not self.menus:
            self.text.add(self.file(attrs.get("href")))
        elif tag == "img":
            self.pictures.add(self.file(attrs.get("src")))

    def handle_endtag(self, tag):
        self.menus -= tag == "nav"

    def file(self, target):
        if target is None or urlparse(target).scheme:
            return None
        path = unquote(urlparse(urljoin(self.page.as_uri(), target)).path)
        return Path(path + "index.html" if path.endswith("/") else path)


@pytest.fixture(scope="module")
def targets():
    return {page: Targets(page) for page in PAGES}


def test_every_page_is_two_clicks_away_without_a_menu(targets):
    home = SITE / "index.html"
    one = targets[home].text & PAGES
    two = set().union(*(targets[page].text for page in one)) & PAGES
    assert PAGES - {home} <= one | two


def test_links_and_pictures_are_there(targets):
    for page, found in targets.items():
        for target in (found.text | found.pictures) - {None}:
            assert target.exists(), f"{page.relative_to(SITE)}: {target}"


def test_nothing_is_fetched_from_elsewhere():
    for page in PAGES:
        text = page.read_text()
        assert "<link" in text
        for fetched in ('src="http', 'rel="stylesheet" href="http', "fonts.googleapis"):
            assert fetched not in text, page


def test_no_markup_is_left_in_formulas():
    for page in PAGES:
        assert "math:" not in page.read_text(), page


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("SpikingMemory", "api/consolidation/"),
        ("BottleneckClassifier", "api/bottleneck/"),
        ("lowest-direct", "stability/"),
        ("to_nwb", "first_hour/"),
        ("for_lifetime", "your_own_rule/"),
    ],
)
def test_search_finds(words, page):
    index = json.loads((SITE / "search" / "search_index.json").read_text())
    found = {
        entry["location"].partition("#")[0]
        for entry in index["docs"]
        if words in entry["title"] + entry["text"]
    }
    assert page in found


def test_the_gallery_shows_pictures_with_their_commands():
    text = (SITE / "gallery" / "index.html").read_text()
    assert text.count("<img") >= 25
    assert text.count("Time on one core") >= 5
    assert "<!-- figures -->" not in text
