"""Every command that the documentation shows: run here, or, where a board is needed, known to us.

A page is one session in one folder. `<!-- file: NAME -->` above a block writes NAME when the page begins;
`<!-- board -->` above commands says that they need what is not here, `<!-- session -->` that another
test runs the page.
"""

import os
import shlex
import shutil
from pathlib import Path

import pytest
import typer
from ophion.cli.app import make_app
from sessions import BIN, Shell, blocks, files

DOCS = Path(__file__).parents[2] / "host" / "docs"
PAGES = sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
BLOCKS = {page: blocks((DOCS / page).read_text()) for page in PAGES}
RUN = [page for page in PAGES if any(not word for word, _ in BLOCKS[page])]
ELSEWHERE = [page for page in PAGES if any(word == "session" for word, _ in BLOCKS[page])]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", RUN)
def test_the_commands_of_a_page_run(page, tmp_path):
    text = (DOCS / page).read_text()
    for name, content in files(text).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    shell = Shell(tmp_path)
    try:
        for word, lines in BLOCKS[page]:
            for line in () if word else lines:
                shell.line(line)
    finally:
        shell.end()


def test_every_block_is_run_here_or_there_or_on_a_board():
    assert ELSEWHERE == ["howto/keys.md", "howto/provision.md", "howto/stock.md"]
    assert len(RUN) >= 6
    assert {word for page in PAGES for word, _ in BLOCKS[page]} == {"", "board", "session"}
    assert all({word for word, _ in BLOCKS[page]} == {"session"} for page in ELSEWHERE)


def test_commands_for_a_board_are_commands_of_ours():
    shown = [line for page in PAGES for word, lines in BLOCKS[page] for line in lines if word == "board"]
    assert shown
    for line in shown:
        words = shlex.split(line, comments=True)
        assert shutil.which(words[0], path=f"{BIN}:{os.environ['PATH']}"), line
        if words[0] == "ophion":
            parse(words[1:])


def parse(words):
    """Let the command line take `words` apart, without running them; it raises for what it does not know."""
    command = typer.main.get_command(make_app())
    context = command.make_context("ophion", list(words))
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("words", ["push x.bin --no-such-option", "no-such-verb", "device images --ble"])
def test_an_unknown_command_would_be_found(words):
    with pytest.raises(Exception, match=r"(?i)no such|requires an argument"):
        parse(words.split())
