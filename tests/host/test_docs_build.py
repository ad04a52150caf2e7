"""The documentation builds without a warning and without the network, and its reference is the code's."""

import html
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from ophion.cli.app import make_app

ROOT = Path(__file__).parents[2]
PACKAGES = ("build", "delta", "install", "keys", "package", "provision", "push", "sign", "sim")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "-f", "host/mkdocs.yml", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def text_of(page):
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text()))


def paths(command, path):
    """The path of a command and of all below it."""
    yield path
    for name, child in getattr(command, "commands", {}).items():
        yield from paths(child, f"{path} {name}")


def test_the_reference_has_every_command(site):
    page = text_of(site / "reference" / "cli.html")
    every = list(paths(typer.main.get_command(make_app()), "ophion"))
    assert len(every) > 30
    assert [path for path in every if not re.search(rf"^{path}¶?$", page, re.M)] == []


def test_the_reference_has_what_the_library_exports(site):
    page = text_of(site / "reference" / "library.html")
    for name in PACKAGES:
        module = importlib.import_module(f"ophion.{name}")
        assert module.__name__ in page
        assert [export for export in module.__all__ if not re.search(rf"\b{export}\b", page)] == []


def test_docstrings_keep_their_form(site):
    file = site / "reference" / "library.html"
    page = file.read_text()
    assert re.search(r"<li><code>locked</code>: the lock is as it should be", page), "columns are a list"
    assert re.search(r"<li><code>latency</code>: delay of every data packet, one way", page)
    assert '\npath = built.write(output_dir("heartbeat"))' in text_of(file), "code has its lines"


def test_the_pages_can_be_searched_as_files(site):
    assert "Over-the-air updates" in (site / "search" / "search_index.js").read_text()
    page = (site / "reference" / "using.html").read_text()
    assert 'data-md-component="search"' in page and 'src="../iframe-worker.js"' in page
    assert (site / "iframe-worker.js").is_file()


def test_nothing_is_fetched_when_it_is_read(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        for url in re.findall(r'<(?:script|link|img)\b[^>]*?(?:src|href)="([^"]+)"', page.read_text()):
            assert not re.match(r"(https?:)?//", url), (page.name, url)
