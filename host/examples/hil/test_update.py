"""Tests on a device: it takes a good version, and gets rid of a bad one by itself."""

import pytest
from ophion.errors import RevertedError


def test_a_new_version_runs(board, maker):
    board.flash(maker.image("1.0.0"))
    board.expect("hil 1.0.0")
    board.update(maker.image("1.1.0"))
    board.expect("hil 1.1.0")
    assert board.log()[-2:] == [("installed", "1.1.0"), ("confirmed", "1.1.0")]


def test_a_version_that_crashes_does_not_stay(board, maker):
    board.flash(maker.image("1.0.0"))
    board.expect("hil 1.0.0")
    with pytest.raises(RevertedError):
        board.update(maker.image("1.1.0", "raise ValueError('no sensor')\n"))
    board.expect("hil 1.0.0")
