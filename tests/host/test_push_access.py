"""Tokens from the host's side: for whom they are signed, and what is sent when the device is busy."""

import pytest
from ophion.errors import RefusedError
from ophion.keys import generate, open_signer
from ophion.push.access import show_token
from ophion.push.group64 import AccessRead, AccessResponse, TokenResponse, TokenWrite
from ophion.push.refusal import GENERIC, refusal
from ophion_boot.fmt.key import key_hash
from ophion_boot.fmt.token import token_digest
from smp.error import MGMT_ERR


class Device:
    """What Link gives to show_token: a device's answers, one after the other."""

    def __init__(self, device, *answers):
        self.device = device
        self.answers = list(answers)
        self.sent = []

    async def ask(self, request, action):
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def state(name="pump", who="nobody", challenge=bytes(range(32))):
    return AccessResponse(access="token", who=who, name=name, id=b"\x01\x02", challenge=challenge)


@pytest.fixture
def operator(tmp_path):
    generate(tmp_path / "operator.pem")
    return open_signer(f"file:{tmp_path / 'operator.pem'}")


async def test_what_is_signed(operator):
    link = Device("pump", state(), TokenResponse(who="operator"))
    assert await show_token(link, operator) == "operator"
    ask, token = link.sent
    assert isinstance(ask, AccessRead) and isinstance(token, TokenWrite)
    assert token.challenge == bytes(range(32)) and token.key == key_hash(operator.public.mcuboot)[:8]
    operator.public.verify_digest(token.sig, token_digest("pump", b"\x01\x02", token.challenge))


async def test_never_for_a_device_of_another_name(operator):
    link = Device("pump", state(name="safe"))
    with pytest.raises(RefusedError, match="answers as pump wants a token for 'safe'"):
        await show_token(link, operator)
    assert len(link.sent) == 1, "nothing was signed"
    for address in ("C0:11:22:33:44:55", "12345678-1234-1234-1234-123456789abc"):
        link = Device(address, state(name="safe"), TokenResponse(who="operator"))
        assert await show_token(link, operator) == "operator"
    for wire in ("udp:10.0.0.7:1337", "serial:/dev/ttyACM0", "raw:/dev/ttyACM0"):
        link = Device(wire, state(name="safe"), TokenResponse(who="operator"))
        assert await show_token(link, operator) == "operator"
    link = Device("a-b-c-d-e", state(name="safe"))
    with pytest.raises(RefusedError):
        await show_token(link, operator)


@pytest.mark.parametrize(
    ("answer", "who"),
    [
        (refusal("it", GENERIC, MGMT_ERR.ENOTSUP), "nobody"),
        (state(challenge=b""), "nobody"),
        (state(who="operator"), "operator"),
        (state(who="paired", challenge=b""), "paired"),
    ],
)
async def test_a_device_that_asks_for_none_gets_none(operator, answer, who):
    link = Device("pump", answer)
    assert await show_token(link, operator) == who
    assert len(link.sent) == 1


async def test_a_busy_device_is_asked_again_with_a_new_challenge(operator):
    busy = refusal("it", GENERIC, MGMT_ERR.EBUSY, "wrong tokens came")
    later = state(challenge=bytes(32))
    link = Device("pump", state(), busy, later, TokenResponse(who="operator"))
    assert await show_token(link, operator) == "operator"
    assert [request.challenge for request in link.sent[1::2]] == [bytes(range(32)), bytes(32)]


async def test_a_refusal_is_final(operator):
    denied = refusal("it", GENERIC, MGMT_ERR.EACCESSDENIED, "wrong token")
    link = Device("pump", state(), denied)
    with pytest.raises(RefusedError, match="wrong token") as caught:
        await show_token(link, operator)
    assert "--operator" in caught.value.hint and link.answers == []
