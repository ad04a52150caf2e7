"""The bench of the command line runs, and its table has every command; what it takes is not asserted."""

import re

import pytest
from bench import cli


def test_it_measures_every_command(capsys):
    assert cli.main(["--runs", "1"]) == 0
    rows = re.findall(
        r"^\| `(.+)` \| (\d+) \| (\d+|-) \| (\d+) \| ([\d.]+) \|$", capsys.readouterr().out, re.M
    )
    assert [row[0] for row in rows[:2]] == [cli.BARE, "ophion --help"]
    assert len(rows) == 7 and rows[0][4] == "1.0"
    assert {row[0]: row[2] for row in rows if row[2] != "-"} == {
        "ophion --help": "300",
        "ophion build && ophion sign": "2000",
    }
    assert all(int(row[3]) > 0 for row in rows[1:])


def test_a_wrong_number_of_runs(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--runs", "0"])
    assert caught.value.code == 2 and "--runs" in capsys.readouterr().err
