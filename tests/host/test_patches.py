"""Patches made on the host: round trips, the verb `ophion delta`, and a bounded run of the fuzzer."""

import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest
from ophion.build.mpy import compile_module, find_compiler
from ophion.build.romfs import pack_romfs
from ophion.delta import apply_patch, describe_patch, make_patch
from ophion.delta.matching import equal_bytes, find_path
from ophion.errors import PatchError
from ophion_boot.fmt.delta import HEADER_BYTES

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors" / "delta"


@pytest.fixture(scope="module")
def delta_vectors():
    return {path.name: path.read_bytes() for path in VECTORS.iterdir() if path.suffix != ".py"}


def edited(old, chance):
    """`old` with bytes changed, put in, taken out, moved."""
    new = bytearray(old)
    for _ in range(chance.randint(1, 40)):
        at = chance.randrange(len(new))
        kind = chance.randrange(4)
        if kind == 0:
            new[at] = chance.randrange(256)
        elif kind == 1:
            new[at:at] = chance.randbytes(chance.randint(1, 50))
        elif kind == 2:
            del new[at : at + chance.randint(1, 50)]
        else:
            part = chance.randrange(len(new))
            new[at:at] = new[part : part + 200]
    return bytes(new)


@pytest.mark.parametrize("seed", range(6))
def test_random_pairs(seed):
    chance = random.Random(seed)
    old = chance.randbytes(chance.choice((300, 4096, 9000)))
    new = edited(old, chance)
    assert apply_patch(old, make_patch(old, new, small=bool(seed & 1))) == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", b"x"),
        (b"x", b"x"),
        (b"x", b"y"),
        (b"", bytes(range(256)) * 5),
        (bytes(5000), bytes(1)),
        (bytes(1), bytes(5000)),
        (b"abc" * 1365 + b"a", b"abc" * 1365 + b"a"),
        (bytes(range(256)) * 16, bytes(range(255, -1, -1)) * 16),
        (b"ab" * 8, b"ab" * 8 + b"c"),
        (b"ab" * 9, b"ab" * 8),
    ],
    ids=range(10),
)
def test_edges(old, new):
    for small in (False, True):
        patch = make_patch(old, new, small=small)
        assert apply_patch(old, patch) == new
        with pytest.raises(PatchError, match="for the image"):
            apply_patch(old + b"!", patch)


def test_the_length_of_a_run_at_each_end_of_the_images():
    body = random.Random(1).randbytes(70)
    for size in (14, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 65):
        for new in (body[:size], body[:size] + b"!", b"!" + body[:size]):
            for old in (body[:size], body):
                assert apply_patch(old, make_patch(old, new)) == new


def test_unrelated_images_cost_little_more_than_the_new_one():
    chance = random.Random(5)
    old, new = chance.randbytes(6000), chance.randbytes(6000)
    assert len(make_patch(old, new)) < 6000 * 1.03 + 34


def test_an_unchanged_image_costs_next_to_nothing(delta_vectors):
    new = delta_vectors["new.bin"]
    assert len(make_patch(new, new)) < 48


def test_the_vectors_are_what_the_encoder_makes(delta_vectors):
    old, new = delta_vectors["old.bin"], delta_vectors["new.bin"]
    assert make_patch(old, new) == delta_vectors["plain.patch"]
    assert make_patch(old, new, segment_bytes=512) == delta_vectors["segments.patch"]
    assert make_patch(b"", new) == delta_vectors["packed.patch"]


def test_segments_begin_at_sectors_and_are_about_as_long_as_asked(delta_vectors):
    parts = describe_patch(delta_vectors["segments.patch"])["segments"]
    assert len(parts) == 3
    assert parts[0]["from"] == 0 and parts[-1]["to"] == len(delta_vectors["new.bin"])
    for before, part in itertools.pairwise(parts):
        assert part["from"] == before["to"] and part["from"] % 4096 == 0
    assert len(describe_patch(delta_vectors["plain.patch"])["segments"]) == 1
    # A long patch has several without being asked.
    noise = random.Random(2).randbytes(30000)
    for old, most in ((b"x", 24 << 10), (b"", (8 << 10) + 4)):
        sizes = [part["size"] for part in describe_patch(make_patch(old, noise))["segments"]]
        assert len(sizes) > 1 and max(sizes) <= most


def test_a_path_has_no_gaps_and_stays_in_the_old_image(delta_vectors):
    old, new = delta_vectors["old.bin"], delta_vectors["new.bin"]
    at = 0
    for start, end, diagonal in find_path(old, new):
        assert start == at < end
        assert diagonal is None or (start >= -diagonal and end <= len(old) - diagonal)
        at = end
    assert at == len(new)


def test_equal_bytes():
    chance = random.Random(3)
    for _ in range(300):
        count = chance.randint(0, 400)
        same = chance.randbytes(count)
        old, new = b"ab" + same + b"x", b"c" + same + b"y"
        assert equal_bytes(old, 2, new, 1, count + 1) == count
        assert equal_bytes(old, 2, new, 1, count // 2) == count // 2


def test_a_shifted_qstr_table_costs_little():
    # A name put in front moves the numbers of all others, in every place that uses them.
    names = [f"name_{i}" for i in range(60)]
    body = "".join(f"def f_{a}(x):\n    return x.{a} + x.{b}\n" for a, b in itertools.pairwise(names))
    images = [
        pack_romfs({"m.mpy": compile_module(find_compiler(), (extra + body).encode(), "m.py", 0)})
        for extra in ("", "import another_name_that_is_new\n")
    ]
    patch = make_patch(*images)
    changed = sum(a != b for a, b in zip(*images))
    assert changed > 100 and len(patch) < HEADER_BYTES + 4 + changed // 2


def test_what_cannot_be_made_or_applied(delta_vectors):
    old, patch = delta_vectors["old.bin"], delta_vectors["plain.patch"]
    with pytest.raises(PatchError, match="from 1 bytes to 0"):
        make_patch(b"x", b"")
    with pytest.raises(PatchError, match="patch ends early"):
        apply_patch(old, patch[:-1])
    with pytest.raises(PatchError, match="has 3 bytes, not 30"):
        apply_patch(old, b"OPH")
    with pytest.raises(PatchError, match="cut off: segment at 30"):
        describe_patch(patch[:-1])


def signed(workshop, name, version, line):
    """A file with a signed image of an application with this line in it."""
    image = workshop.image({"main.py": line + "print('one')\n" * 50}, version)
    path = workshop.folder / name
    path.write_bytes(image.image)
    return path


def test_the_verb(cli, workshop):
    old = signed(workshop, "old.bin", "1.0.0", "x = 1\n")
    new = signed(workshop, "new.bin", "1.1.0", "x = 2\n")
    made = cli("delta", old, new, "-o", workshop.folder / "p.delta")
    assert made.code == 0 and "for devices that have 1.0.0" in made.out and " % of the " in made.out
    patch = (workshop.folder / "p.delta").read_bytes()
    assert apply_patch(old.read_bytes(), patch) == new.read_bytes()
    shown = cli("inspect", workshop.folder / "p.delta")
    assert shown.code == 0 and "a delta patch of" in shown.out and "segment, makes bytes 0 to" in shown.out
    value = cli("delta", old, new, "--small", "--json").json()
    assert (value["from"], value["to"], value["table_bytes"]) == ("1.0.0", "1.1.0", 8192)
    assert Path(value["patch"]) == new.with_suffix(".delta")
    assert cli("inspect", value["patch"], "--json").json()["new"]["size"] == len(new.read_bytes())


def test_the_verb_without_a_base(cli, workshop):
    new = signed(workshop, "new.bin", "1.1.0", "x = 2\n")
    made = cli("delta", "--no-base", new)
    patch = new.with_suffix(".delta").read_bytes()
    assert made.code == 0 and "for devices that have any image" in made.out
    assert apply_patch(b"", patch) == new.read_bytes() and len(patch) < len(new.read_bytes())
    shown = cli("inspect", new.with_suffix(".delta"))
    assert "needs    no image" in shown.out and "a window of 8192 bytes" in shown.out
    value = cli("delta", "--no-base", "--small", new, "--json").json()
    assert (value["from"], value["to"], value["table_bytes"]) == (None, "1.1.0", 4096)
    for words in (("--no-base", new, new), (new,), (new, new, new)):
        refused = cli("delta", *words)
        assert refused.code == 2 and " named, not " in refused.err


def test_what_the_verb_refuses(cli, workshop):
    good = signed(workshop, "good.bin", "1.0.0", "x = 1\n")
    other = workshop.folder / "other"
    other.write_bytes(b"no image")
    for words in ((good, other), (other, good), (good, workshop.folder / "missing")):
        done = cli("delta", *words, "-o", workshop.folder / "p.delta")
        assert done.code == 3 and done.err.startswith("error: ")
    sealed = ROOT / "tests/vectors/images/enc-one.bin"
    done = cli("delta", good, sealed, "-o", workshop.folder / "p.delta")
    assert done.code == 3 and "the new image is encrypted" in done.err and "hint: " in done.err
    assert not (workshop.folder / "p.delta").exists()


@pytest.mark.parametrize("words", [(), ("--micropython",)], ids=["cpython", "micropython"])
def test_damaged_patches_never_do_harm(words):
    line = [sys.executable, str(ROOT / "tools/fuzz/delta.py"), "--seed", "1", "--batches", "1", *words]
    done = subprocess.run(line, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "170 cases" in done.stdout and "refused: " in done.stdout and " the image\n" in done.stdout
