"""A serial port that goes away is one error to us, whatever pyserial raises; the port is a real pty."""

import os
import subprocess
import sys
import tempfile

import pytest
import serial
from ophion.errors import LinkLost, OphionError
from ophion.ports import PORT_ERRORS
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
    for kind in ("serial", "raw"):
        assert "there is no serial port /dev/ttyNONE" in str(not_found(f"{kind}:/dev/ttyNONE"))
    port = tmp_path / "port"
    port.touch()
    assert str(not_found(f"serial:{port}")) == f"nothing answers at serial:{port}"
    assert "is it switched on" in not_found("udp:127.0.0.1:9").hint


def test_a_port_of_another_group_says_so():
    """As it is for most users before they join `dialout`; root may open everything, so it becomes nobody."""
    code = (
        "import os, sys; from ophion.push.link import not_found;"
        "os.getuid() or os.setresuid(65534, 65534, 65534);"
        "print(not_found('serial:' + sys.argv[1]))"
    )
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        port = os.path.join(folder, "port")
        os.close(os.open(port, os.O_CREAT, 0o000))
        done = subprocess.run([sys.executable, "-c", code, port], capture_output=True, text=True)
    assert done.stdout == f"{port} may not be opened by this user\n", done.stderr
