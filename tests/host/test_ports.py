"""A serial port that goes away is one error to us, whatever pyserial raises; the port is a real pty."""

import os

import pytest
import serial
from ophion.errors import DeviceNotFound, LinkLost, OphionError
from ophion.ports import PORT_ERRORS, no_port
from ophion.provision.efuse import quiet
from ophion.push.link import converted, not_found


@pytest.fixture
def pulled():
    """A port whose other end is gone."""
    ours, theirs = os.openpty()
    with serial.Serial(os.ttyname(theirs)) as port:
        os.close(theirs)
        os.close(ours)
        yield port


@pytest.mark.parametrize("what", ["flush", "reset_input_buffer", "read"])
def test_a_port_that_went_away_is_told_by_whoever_uses_it(pulled, what):
    act = getattr(pulled, what)
    with pytest.raises(PORT_ERRORS):
        act()
    with (
        pytest.raises(LinkLost, match=r"connection to ttyACM0 failed \(upload\): "),
        converted("ttyACM0", "upload"),
    ):
        act()
    with pytest.raises(OphionError, match="reading eFuses: "), quiet("reading eFuses"):
        act()


def test_a_port_without_an_answer_says_why(tmp_path):
    assert isinstance(not_found("serial:/dev/ttyNONE"), DeviceNotFound)
    assert "there is no port /dev/ttyNONE" in str(not_found("serial:/dev/ttyNONE"))
    assert "there is no port /dev/ttyNONE" in str(not_found("raw:/dev/ttyNONE"))
    port = tmp_path / "port"
    port.touch()
    assert str(no_port("serial:x", str(port))) == "nothing answers at serial:x"
    assert "is it switched on" in not_found("udp:127.0.0.1:9").hint
