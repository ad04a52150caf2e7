"""Who may do what over SMP (SPEC.md 11). A device in mode `open` has no Access at all.

The session asks before it looks into a request. What is not in LOOK_AT is refused to strangers, also
commands that are not invented yet.
"""

from ophion_boot.compat import const
from ophion_boot.core.smp_session import SmpError, argument, not_supported
from ophion_boot.core.tokens import Tokens
from ophion_boot.fmt.smp import Request

GROUP = 64
COMMAND = 20

OPEN, PAIRED, TOKEN = "open", "paired", "token"
# Whom a request comes from; `paired` and `operator` as the link has shown itself to be.
NOBODY, BONDED, OPERATOR = "nobody", "paired", "operator"
# What a request is: harmless reading that everybody may do, other reading, and what changes something.
LOOK, READ, CHANGE = "look", "read", "change"

# (group, command, write): what a stranger needs to find out what this is and to open the link.
LOOK_AT = (
    (0, 0, False),
    (0, 0, True),
    (0, 6, False),
    (0, 8, False),
    (GROUP, 0, False),
    (GROUP, COMMAND, False),
    (GROUP, COMMAND, True),
)

# (mode, who): what is allowed. No other pair is there, and what is not there is refused.
TABLE = {
    (OPEN, NOBODY): (LOOK, READ, CHANGE),
    (OPEN, BONDED): (LOOK, READ, CHANGE),
    (OPEN, OPERATOR): (LOOK, READ, CHANGE),
    (PAIRED, NOBODY): (LOOK,),
    (PAIRED, BONDED): (LOOK, READ, CHANGE),
    (PAIRED, OPERATOR): (LOOK, READ, CHANGE),
    (TOKEN, NOBODY): (LOOK,),
    (TOKEN, BONDED): (LOOK,),
    (TOKEN, OPERATOR): (LOOK, READ, CHANGE),
}
_REASONS = {PAIRED: "pair with this device first", TOKEN: "this needs the token of an operator"}

_EACCESSDENIED = const(11)
_LINKS_MAX = const(8)
_WRONG_MAX = const(3)
_ANSWER_MS = const(300)
_STRANGER_MS = const(60_000)
_IDLE_MS = const(300_000)
_KEY_BYTES = const(16)  # of an encrypted link: the longest that there are


def kind_of(request: Request) -> str:
    """LOOK, READ or CHANGE."""
    if (request.group, request.command, request.write) in LOOK_AT:
        return LOOK
    return CHANGE if request.write else READ


def decide(mode: str, kind: str, who: str) -> None:
    """Raise SmpError unless TABLE allows `kind` to `who` in `mode`."""
    if kind not in TABLE.get((mode, who), ()):
        raise SmpError(_EACCESSDENIED, _REASONS.get(mode, "not allowed"))


class _Link:
    """What is known of one link; times in ticks."""

    def __init__(self, now: int) -> None:
        self.since = now
        self.last = now
        self.operator = False
        self.secured = False
        self.wrong = 0
        self.pause = [0, 0]


class Access:
    """Keeps who is on each link. A link is anything hashable that is used for one peer at a time.

    `policy` is the layout's `access`; `name()` and `uid` (bytes) tell this device from others; `entropy(n)`
    returns n bytes that nobody can guess; `clock` is as for Sanity. `secured` and `forget` may be called from
    a radio's handler.
    """

    def __init__(self, policy: dict, name, uid: bytes, entropy, clock) -> None:  # type: ignore[no-untyped-def]
        self.mode = policy["mode"]
        self._mitm = policy["passkey"] != "none"
        self._clock = clock
        self._links: dict = {}
        self._name = name
        self._uid = uid
        self._tokens = Tokens(policy["operators"], name, uid, entropy, clock)

    # What the session asks

    def check(self, request: Request, link: object) -> None:
        """Raise SmpError unless the peer on `link` may send `request`."""
        who = self.who(link)
        decide(self.mode, kind_of(request), who)
        if who != NOBODY:
            self._of(link).last = self._clock.ticks_ms()

    def takes(self, request: Request) -> bool:
        """True for the command that `handle` answers."""
        return request.group == GROUP and request.command == COMMAND

    def handle(self, request: Request, args: dict, link: object) -> dict:
        """Tell a challenge (read) or take a token (write); raises SmpError."""
        tokens = self._tokens
        if not request.write:
            answer = {"access": self.mode, "who": self.who(link), "name": self._name(), "id": self._uid}
            if tokens.keys:
                answer["challenge"] = tokens.challenge(link)
            return answer
        if not tokens.keys:
            raise not_supported(request)
        if link is None:
            raise SmpError(_EACCESSDENIED, "this road does not tell its peers apart")
        blob = (bytes, bytearray, memoryview)
        challenge, key, signature = [
            bytes(argument(args, word, blob, required=True)) for word in ("challenge", "key", "sig")
        ]
        if self.who(link) == OPERATOR:
            return {"who": OPERATOR}  # the answer was lost, and the token came again
        state = self._of(link)
        try:
            tokens.check(link, challenge, key, signature, state.pause)
        except SmpError:
            if state.wrong != state.pause[1]:
                state.wrong = state.pause[1]
                state.last = self._clock.ticks_ms()
            raise
        state.operator = True
        state.wrong = 0
        state.last = self._clock.ticks_ms()
        return {"who": OPERATOR}

    def who(self, link: object) -> str:
        """NOBODY, BONDED or OPERATOR."""
        state = self._links.get(link)
        if state is None:
            return NOBODY
        if state.operator:
            return OPERATOR
        return BONDED if state.secured else NOBODY

    # What the roads tell

    def secured(self, link: object, encrypted: bool, authenticated: bool, key_bytes: int) -> bool:
        """The radio says how the link is protected now; True when that is as the policy wants it."""
        good = bool(encrypted and key_bytes >= _KEY_BYTES and (authenticated or not self._mitm))
        self._of(link).secured = good
        return good

    def forget(self, link: object) -> None:
        """The link has ended: who comes next on it is somebody else, and no challenge outlives it."""
        self._links.pop(link, None)
        self._tokens.renew()

    def unwelcome(self, link: object) -> bool:
        """True when a road should end the link: wrong tokens, or a stranger who stays too long."""
        state = self._of(link)
        now = self._clock.ticks_ms()
        if state.wrong >= _WRONG_MAX:
            # Its answer may still be on the way.
            return bool(self._clock.ticks_diff(now, state.last) > _ANSWER_MS)
        stranger = self.who(link) == NOBODY or (self.mode == TOKEN and not state.operator)
        return stranger and self._clock.ticks_diff(now, state.since) > _STRANGER_MS

    def expire(self) -> None:
        """Forget operators who were silent for long: a wire does not tell that another one took it."""
        now = self._clock.ticks_ms()
        for link in list(self._links):
            state = self._links[link]
            if state.operator and self._clock.ticks_diff(now, state.last) > _IDLE_MS:
                state.operator = False
                state.since = now

    def _of(self, link: object) -> _Link:
        state = self._links.get(link)
        if state is None:
            if len(self._links) >= _LINKS_MAX:
                self._make_room()
            state = self._links[link] = _Link(self._clock.ticks_ms())
        return state

    def _make_room(self) -> None:
        """The link that was silent longest goes, a stranger's before all others."""
        now = self._clock.ticks_ms()
        worst, score = None, -1
        for link in self._links:
            silent = self._clock.ticks_diff(now, self._links[link].last)
            if self.who(link) == NOBODY:
                silent += 1 << 29
            if silent > score:
                worst, score = link, silent
        self._links.pop(worst, None)
