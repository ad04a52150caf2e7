"""Cuts a case at every flash operation, in every shape, and lets the judge see what comes of it.

A cut leaves flash and nothing else, so an action runs once, with flash noted before each operation; each cut
is then made of that note and the flash model's torn operation. A second and a third cut, in the boots
that follow, are drawn by chance, from the name of the state, so that a name is enough to do it again.
"""

import functools
import random
import re
import zlib
from collections import Counter, namedtuple

from nor import ERASE_SHAPES, PROGRAM_SHAPES, PowerCut

from powercut import cases as one
from powercut import cases_two as two
from powercut import judge as judge_one
from powercut import judge_two, mutations
from powercut.cases import HISTORIES, PAIRS, Case, name_of
from powercut.chip import content
from powercut.targets import TARGETS

Operation = namedtuple("Operation", "kind at length before after")
State = namedtuple("State", "name flash boots cuts complete")
"""Flash after a cut; the boots that completed before it; how many cuts; was the action done when it came."""
Result = namedtuple("Result", "case states distinct failed failures operations cuts excluded drawn")
"""`failures` is [(name, problems)], a part of the `failed`; `cuts` counts states by their number of cuts,
`excluded` by the reason why the judge does not ask for a way out; `drawn` is for MicroPython."""

ACTIONS = (*judge_one.RULES, *judge_two.RULES)
WRITE_UNITS = (1, 4, 8, 16, 32)
# With encrypted images: these actions, each pair with one write unit; a quick campaign takes two pairs.
_ENCRYPTED = ("upload", "test", "revert", "confirm")
_SPECIAL_QUICK = (("smaller", "used"), ("larger", "new"))
# Updates that come as patches: these actions, in the same way.
_DELTA = ("upload", "test")
_ERASE = 6
_STEP = re.compile(r"^(?:b(\d+))?op(\d+)/(before|after|torn[:a-z]*)/seed(\d+)$")


Plan = namedtuple("Plan", "seeds trailer_seeds second third every copies", defaults=(1,))
"""How thoroughly: seeds per torn shape; the same for erases of trailers, which hold the decisions; shares of
states with a second cut, and of those with a third; `every`: 1 takes each operation, n each nth; `copies`:
above 1, each nth of the operations that copy an image, with one seed."""
FULL = Plan(8, 60, 0.4, 0.3, 1)
QUICK = Plan(1, 12, 0.25, 0.25, 1)


def cases(strategies=None, actions=None, quick: bool = False, real: bool = False) -> list[Case]:
    """The cases of a campaign; `real` takes all of them with real signatures."""
    strategies, actions = strategies or list(TARGETS), actions or list(ACTIONS)
    plain = [
        Case(strategy, action, pair, variant, history)
        for strategy in strategies
        for action in actions
        for pair in PAIRS
        for variant in (_variants_two if two.is_two(action) else _variants)(pair, quick, real)
        for history in HISTORIES
        if not (quick and two.is_two(action) and not _sampled(pair, variant, history))
    ]
    if real:
        return plain
    sealing = [name for name in strategies if TARGETS[name].kind.takes_encrypted]
    return (
        plain
        + _special("enc", sealing, [name for name in actions if name in _ENCRYPTED], quick)
        + _special("delta", strategies, [name for name in actions if name in _DELTA], quick)
        + _special("enc-delta", sealing, [name for name in actions if name in _DELTA], quick)
    )


def _special(kind: str, strategies, actions, quick: bool) -> list[Case]:
    """Cases with encrypted images ("enc"), patches ("delta") or both: one write unit by pair and history."""
    return [
        Case(strategy, action, pair, f"{variant}-{kind}", history)
        for strategy in strategies
        for action in actions
        for pair in PAIRS
        for variant in [f"w{width}" for width in WRITE_UNITS]
        for history in HISTORIES
        if _sampled(pair, variant, history)
        if not quick or (pair, history) in _SPECIAL_QUICK
    ]


def _variants_two(pair: str, quick: bool, real: bool) -> list[str]:
    """With a runtime one boot costs several starts: one pair of images has sectors of 4096 bytes."""
    return _variants(pair, quick or pair != "smaller", real)


def _sampled(pair: str, variant: str, history: str) -> bool:
    """A quick campaign takes one write unit for each pair and history: all of them, over the pairs."""
    if variant.endswith("-real"):
        return (pair, history) == ("smaller", "used")
    number = list(PAIRS).index(pair) + 2 * list(HISTORIES).index(history)
    return variant == f"w{WRITE_UNITS[number % len(WRITE_UNITS)]}"


def _variants(pair: str, quick: bool, real: bool) -> list[str]:
    if real:
        return [f"w{width}-real" for width in WRITE_UNITS]
    variants = [f"w{width}" for width in WRITE_UNITS] + ([] if quick else ["w4-4k"])
    return [*variants, "w8-real"] if pair in ("smaller", "larger") else variants


def plan_for(case: Case, plan: Plan) -> Plan:
    """Real signatures and real sector sizes are slow: those cases get a share of the cuts. With a runtime
    beside it the copying of an application is cut now and then; one component alone has all of it."""
    if two.is_two(case.action):
        plan = plan._replace(trailer_seeds=-(-plan.trailer_seeds // 4), copies=3)
    if case.variant.endswith("-real"):
        return plan._replace(seeds=1, trailer_seeds=1, second=0.05, every=5)
    if case.variant.endswith("-4k"):
        return plan._replace(seeds=1, trailer_seeds=3, every=2)
    return plan


class Run:
    """One case on one device: the operations of its action, and the states that cuts of it leave."""

    def __init__(self, case: Case, without: str = "") -> None:
        self.case = case
        self.name = name_of(case)
        self._of = two if two.is_two(case.action) else one
        self._judge = judge_two if two.is_two(case.action) else judge_one
        kinds = mutations.kinds(TARGETS[case.strategy].kind, without) if without else None
        self.device = self._of.device_of(case, kinds)
        self.operations = self._record(self._of.prepare(case))

    def cut(self, op: int, shape: str, seed: int) -> State:
        """Power fails in operation `op` (from 1) of the action."""
        operation = self.operations[op - 1]
        flash = self.device.flash(operation.before)
        flash.ops = op - 1
        flash.arm_cut(1, shape, seed)
        try:
            _repeat(flash, operation)
        except PowerCut:
            complete = op == len(self.operations) and shape == "after"
            return State(f"op{op}/{shape}/seed{seed}", content(flash), (), 1, complete)
        raise AssertionError("the cut was not reached")

    def cut_again(self, state: State, boot: int, op: int, shape: str, seed: int) -> State | None:
        """Power fails again, in operation `op` of boot number `boot` after `state`; None: not reached."""
        boots = self._boots(state, lambda boots: len(boots) == boot - 1)
        flash = boots[-1].state if boots else state.flash
        seen = self.device.boot(flash, self.confirms(state), (op, shape, seed))
        if not seen.cut:
            return None
        if seen.trial:
            boots.append(seen)
        name = f"{state.name}+b{boot}op{op}/{shape}/seed{seed}"
        return State(name, seen.state, (*state.boots, *boots), state.cuts + 1, state.complete)

    def judge(self, state: State) -> list[str]:
        """The rules that do not hold once the device has come to rest after `state`."""
        return self._judge.problems(self.case.action, self._story(state))

    def excluded(self, state: State) -> str:
        """Why a way out of `state` is not asked for, or ""."""
        return self._judge.excluded(self.case.action, self._story(state))

    def _story(self, state: State) -> judge_one.Story:
        boots = [*state.boots, *self.settle(state)]
        return judge_one.Story(self.device, boots, state.cuts, state.complete, state.flash)

    def cut_by_chance(self, state: State) -> State | None:
        """A further cut in one of the boots after `state`; None when they write nothing."""
        rng = random.Random(zlib.crc32(f"{self.name}/{state.name}".encode()))
        boots = self.settle(state)
        writing = [n for n, seen in enumerate(boots, 1) if seen.ops]
        if not writing:
            return None
        boot = writing[0] if rng.random() < 0.7 else rng.choice(writing)
        op = rng.randint(1, boots[boot - 1].ops)
        shape = rng.choice(("before", *ERASE_SHAPES, *PROGRAM_SHAPES))
        return self.cut_again(state, boot, op, shape, rng.randint(1, 999))

    def named(self, name: str) -> State:
        """The state called `name` (without the case): op17/torn:pages/seed3+b1op4/torn:word/seed9."""
        first, *more = [parse_step(text) for text in name.split("+")]
        state = self.cut(*first[1:])
        for step in more:
            again = self.cut_again(state, *step)
            if again is None:
                raise ValueError(f"{name}: that boot does not get so far")
            state = again
        return state

    def _record(self, start: bytes) -> list[Operation]:
        """Run the action once; every operation with flash before and after it."""
        flash = self.device.flash(start)
        noted: list = []
        flash.on_op = lambda kind, at, length: noted.append((kind, at, length, content(flash)))
        self._of.act(self.case, self.device, flash)
        after = [entry[3] for entry in noted[1:]] + [content(flash)]
        return [Operation(*entry, state) for entry, state in zip(noted, after, strict=True)]

    def confirms(self, state: State) -> bool:
        """The application confirms after `state`, too; an operator (two_confirm_once) is not there again."""
        return self.case.action in ("confirm", "two_confirm") and not state.complete

    def settle(self, state: State) -> list:
        """The boots after `state`, until the device is at rest (or never will be)."""
        limit = self.device.trials + judge_one.MORE_BOOTS
        return self._boots(state, lambda boots: len(boots) == limit or judge_one.settled(boots))

    def _boots(self, state: State, enough) -> list:
        boots: list = []
        while not enough(boots):
            flash = boots[-1].state if boots else state.flash
            boots.append(self.device.boot(flash, self.confirms(state)))
        return boots


def parse_step(text: str) -> tuple[int, int, str, int]:
    """(boot, operation, shape, seed) of one cut; boot 1 is the first one after the cut before."""
    match = _STEP.match(text)
    if not match:
        raise ValueError(f"{text!r} is not a cut: op17/torn:pages/seed3")
    boot, op, shape, seed = match.groups()
    return int(boot or 1), int(op), shape, int(seed)


def _repeat(flash, operation: Operation) -> None:
    sector = flash.sector
    if operation.kind == "erase":
        flash.ioctl(_ERASE, operation.at // sector)
    else:
        data = operation.after[operation.at : operation.at + operation.length]
        flash.writeblocks(operation.at // sector, data, operation.at % sector)


def first_cuts(run: Run, plan: Plan) -> list[tuple[int, str, int]]:
    """All single cuts of a run, by the plan. `before` an operation is `after` the one before."""
    cuts = [(1, "before", 0)] if run.operations else []
    start = zlib.crc32(run.name.encode())
    for op, operation in enumerate(run.operations, 1):
        decides = run.device.layout.decides(operation.at)
        every = plan.every if decides else plan.every * plan.copies
        if op != len(run.operations) and op % every != start % every:
            continue
        cuts.append((op, "after", 0))
        shapes = ERASE_SHAPES if operation.kind == "erase" else PROGRAM_SHAPES
        seeds = plan.trailer_seeds if decides and operation.kind == "erase" else plan.seeds
        if not decides and plan.copies > 1:
            seeds = 1
        cuts += [(op, shape, seed) for shape in shapes for seed in range(1, seeds + 1)]
    return cuts


def states_of(run: Run, plan: Plan):
    """Every state of a run: the single cuts, and by chance the same with a second one, and a third."""
    for cut in first_cuts(run, plan):
        state: State | None = run.cut(*cut)
        yield state
        rng = random.Random(zlib.crc32(f"{run.name}/{state.name}/more".encode()))
        for share in (plan.second, plan.third):
            state = run.cut_by_chance(state) if rng.random() < share else None
            if state is None:
                break
            yield state


def run_case(case: Case, plan: Plan, without: str = "", limit: int = 20, draw: int = 0) -> Result:
    """All states of one case; at most `limit` failures are kept with their names, and `draw` states are drawn
    by chance: those whose names have the least checksums."""
    try:
        run = Run(case, without)
    except Exception as error:
        failure = (name_of(case), [f"the action, not cut, raised {error!r}"])
        return Result(case, 1, 1, 1, [failure], 0, {1: 1}, {}, [])
    distinct: set[int] = set()
    failures: list = []
    cuts: Counter = Counter()
    excluded: Counter = Counter()
    drawn: list = []
    failed = 0
    for state in states_of(run, plan_for(case, plan)):
        name = f"{run.name}/{state.name}"
        problems = run.judge(state)
        cuts[state.cuts] += 1
        distinct.add(hash(state.flash))
        failed += bool(problems)
        if problems and len(failures) < limit:
            failures.append((name, problems))
        why = run.excluded(state)
        if why:
            excluded[why] += 1
        drawn = sorted([*drawn, (zlib.crc32(name.encode()), name)])[:draw]
    operations = len(run.operations)
    total = sum(cuts.values())
    return Result(case, total, len(distinct), failed, failures, operations, dict(cuts), dict(excluded), drawn)


def split(name: str) -> tuple[Case, str]:
    """(case, cut) of a state's full name."""
    first, *more = name.split("+")
    *case, op, shape, seed = first.split("/")
    if len(case) != len(Case._fields):
        raise ValueError(f"{name!r} is not strategy/action/pair/variant/history/cut")
    return Case(*case), "+".join(["/".join((op, shape, seed)), *more])


def replay(name: str, without: str = "") -> list[str]:
    """The problems of one state by its full name."""
    return _replayed(name, without)[0]


def replay_excluded(name: str, without: str = "") -> str:
    """Why a way out of that state is not asked for, or ""."""
    return _replayed(name, without)[1]


@functools.lru_cache(maxsize=1)
def _replayed(name: str, without: str) -> tuple[list[str], str]:
    case, cut = split(name)
    run = Run(case, without)
    state = run.named(cut)
    return run.judge(state), run.excluded(state)
