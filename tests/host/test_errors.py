"""The tree of errors is what its docstring draws, and the files it promises to keep are kept."""

import re
import threading

import pytest
from ophion import errors
from ophion.cli.app import _EPILOG
from ophion.cli.output import byte_count, clean
from ophion.errors import InputError, OphionError, UsageError
from ophion.files import read_file, write_file


def tree(root):
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from tree(child)


def test_the_docstring_names_every_class_and_its_exit_code():
    drawn = dict(re.findall(r"^[ |`-]*(\w+) +exit (\d+)", errors.__doc__, re.MULTILINE))
    classes = [OphionError, *tree(OphionError)]
    assert len(classes) > 8
    for cls in classes:
        assert re.search(rf"\b{cls.__name__}\b", errors.__doc__), cls
        if "exit_code" in vars(cls):
            assert drawn[cls.__name__] == str(cls.exit_code)
    codes = {cls.exit_code for cls in classes} | {errors.EXIT_INTERRUPTED}
    assert codes == {int(code) for code in re.findall(r"(\d+) [a-z]", _EPILOG)} - {0}


def test_errors_of_the_simulator_belong_to_the_tree():
    from ophion.sim import SimError

    assert issubclass(SimError, OphionError)


def test_only_one_of_many_writers_gets_the_name(tmp_path):
    target = tmp_path / "x"
    outcomes = []

    def write(number):
        try:
            write_file(target, b"%d" % number, overwrite=False)
            outcomes.append(number)
        except UsageError:
            outcomes.append(None)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [number for number in outcomes if number is not None]
    assert len(outcomes) == 8 and len(winners) == 1
    assert target.read_bytes() == b"%d" % winners[0]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_write_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "file" / "x", tmp_path / "folder"):
        with pytest.raises(InputError, match="cannot write"):
            write_file(target, b"data")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_file_of_unreasonable_size_is_refused(tmp_path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(InputError, match="larger than"):
        read_file(tmp_path / "huge", "image")


def test_sizes_and_texts():
    assert [byte_count(text) for text in ("4096", "0x1000", "4K", "4k", "1M")] == [4096] * 4 + [1 << 20]
    assert clean("name\x1b[31m\x00\nnext") == "name?[31m?\nnext"
