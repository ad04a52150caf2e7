"""The signing chain on the host: the commands, what they write, and what the device's own code says to it."""

import sys

import pytest
from ophion.build.device_module import root_set
from ophion.build.layout import LayoutError
from ophion.errors import KeyFileError, UsageError, VerificationFailed
from ophion.keys import generate, load_public, open_signer
from ophion.keys.chain import INTERMEDIATE, SIGNING, Chain, KeyLimits, key_statement, load_chain
from ophion.package import load_image, parse_image, verify_image
from ophion.package.memory import MemoryFlash
from ophion.sign import SignOptions, sign
from ophion.sign.claims import claim_tlvs
from ophion.versions import parse_version
from ophion_boot.core.keys import check_signature
from ophion_boot.core.trust import Trust
from ophion_boot.core.verify import Verifier
from ophion_boot.fmt.statement import COUNTER_MAX

NAMES = ("root-a", "root-b", "root-c", "inter", "sign", "sign-2")


class Desk:
    """A folder with keys and a payload, and the commands run in it; file names without folder."""

    def __init__(self, folder, cli):
        self.folder = folder
        self._cli = cli
        for name in NAMES:
            generate(folder / f"{name}.pem")
        (folder / "p.romfs").write_bytes(b"payload" * 30)

    def __call__(self, *words):
        """Run a command; words that name a file here are replaced by its path."""
        return self._cli(*(self.path(word) if "." in str(word) else word for word in words))

    def path(self, name):
        return self.folder / name

    def ok(self, *words):
        done = self(*words)
        assert done.code == 0, done.err
        return done

    def whole(self):
        """roots.chain, inter.chain and sign.chain, by two of three roots."""
        two = ("--by", "root-a.pem", "--by", "root-b.pem")
        publics = ("root-a.pub", "root-b.pub", "root-c.pub")
        self.ok("keys", "chain", "roots", *publics, "--threshold", 2, *two, "-o", "roots.chain")
        self.ok("keys", "chain", "intermediate", "inter.pub", *two, "-o", "inter.chain")
        under = ("--by", "inter.pem", "--under", "inter.chain")
        self.ok("keys", "chain", "signing", "sign.pub", *under, "-o", "sign.chain")

    def sign(self, chain, key="sign.pem", out="x.bin", *words):
        more = ("--version", "1.2.3", "--chain", chain, "--key", key, "--out", out, "--force")
        return self._cli(
            *("sign", self.path("p.romfs"), *more[:2]),
            *(
                self.path(word) if str(word).endswith((".chain", ".pem", ".bin")) else word
                for word in more[2:]
            ),
            *words,
        )


@pytest.fixture
def desk(tmp_path, cli):
    return Desk(tmp_path, cli)


def verdict(desk, image="x.bin", roots="roots.chain"):
    """ "" when a fresh device with these roots runs the image, else its reason."""
    try:
        held = root_set(desk.path(roots).read_bytes())
        verify_image(load_image(desk.path(image)), [], roots=held, hardware="sim")
    except VerificationFailed as error:
        return error.message
    return ""


def test_from_roots_to_a_verified_image(desk):
    desk.whole()
    assert desk.sign("sign.chain").code == 0
    assert verdict(desk) == ""
    checked = desk.ok("verify", "x.bin", "--roots", "roots.chain", "--json")
    assert checked.json()["verified"]
    size = desk.path("sign.chain").stat().st_size
    assert size == 448, "a chain by two roots is in the low hundreds of bytes"
    entry = desk.ok("inspect", "x.bin", "--json").json()["protected"]["entries"][0]
    assert (entry["name"], entry["size"]) == ("CHAIN", size)
    assert entry["meaning"] == "intermediate key statement 1, signing key statement 1"


def test_imgtool_makes_and_checks_images_with_a_chain(desk, tool):
    # The chain is a vendor TLV in the protected area: MCUboot's allow list is for the other one.
    desk.whole()
    chain = desk.path("sign.chain").read_bytes()
    options = [
        "--header-size",
        "0x20",
        "--pad-header",
        "--align",
        "4",
        "--slot-size",
        "0x10000",
        "-v",
        "1.2.3",
    ]
    words = ["-k", desk.path("sign.pem"), "--custom-tlv", "0x1a0", "0x" + chain.hex()]
    tool("imgtool", "sign", *words, *options, desk.path("p.romfs"), desk.path("theirs.bin"))
    assert verdict(desk, "theirs.bin") == ""
    assert desk.sign("sign.chain").code == 0
    assert desk.path("theirs.bin").read_bytes() == desk.path("x.bin").read_bytes()
    shown = tool("imgtool", "verify", "-k", desk.path("sign.pub"), desk.path("x.bin")).stdout
    assert "correctly validated" in shown
    verify_image(load_image(desk.path("x.bin")), [load_public(desk.path("sign.pub"))])


def test_rotation_of_a_signing_key(desk):
    desk.whole()
    desk.ok("keys", "rotate", "sign.chain", "sign-2.pub", "--by", "inter.pem", "-o", "sign-2.chain")
    first, second = (load_chain(desk.path(name)).need(SIGNING) for name in ("sign.chain", "sign-2.chain"))
    assert (first.version, second.version) == (1, 2)
    assert second.subject == load_public(desk.path("sign-2.pub")).keyhash
    assert desk.sign("sign-2.chain", "sign-2.pem").code == 0 and verdict(desk) == ""
    refused = desk.sign("sign-2.chain", "sign.pem")
    assert refused.code == 2 and "another signing key" in refused.err


def test_rotation_of_an_intermediate_key_keeps_its_limits(desk):
    desk.whole()
    generate(desk.path("inter-2.pem"))
    by = ("--by", "root-b.pem", "--by", "root-c.pem")
    limits = ("--image", 0, "--counter-min", 2, "--counter-max", 9)
    desk.ok("keys", "chain", "intermediate", "inter.pub", *by, *limits, "-o", "limited.chain")
    desk.ok("keys", "rotate", "limited.chain", "inter-2.pub", *by, "-o", "rotated.chain")
    made = load_chain(desk.path("rotated.chain")).need(INTERMEDIATE)
    assert made.version == 2 and KeyLimits.of(made) == KeyLimits("", (0,), 2, 9)
    hw = ("--hw", "sim", "-o", "hw.chain")
    desk.ok("keys", "chain", "intermediate", "inter.pub", *by, *hw)
    refused = desk("keys", "rotate", "hw.chain", "inter-2.pub", *by, "-o", "no.chain")
    assert refused.code == 2 and "only a hash" in refused.err


def test_limits_are_held_by_the_device(desk):
    desk.whole()
    under = ("--by", "inter.pem", "--under", "inter.chain", "-o", "limited.chain")
    desk.ok("keys", "chain", "signing", "sign.pub", "--counter-max", 3, "--hw", "sim", *under)
    assert desk.sign("limited.chain", "sign.pem", "x.bin", "--security-counter", 3).code == 0
    assert verdict(desk) == ""
    assert desk.sign("limited.chain", "sign.pem", "x.bin", "--security-counter", 4).code == 0
    assert "expired, counter 4 is above 3" in verdict(desk)
    for words in (("--counter-min", 5, "--counter-max", 4), ("--image", 40), ("--counter-max", 1 << 32)):
        refused = desk("keys", "chain", "signing", "sign.pub", *words, *under, "--force")
        assert refused.code in (2, 3) and refused.err.count("\n") <= 2, refused.err


def test_roots_that_are_far_apart_sign_one_after_the_other(desk):
    desk.whole()
    desk.ok("keys", "chain", "intermediate", "inter.pub", "--by", "root-c.pem", "-o", "half.chain")
    under = ("--by", "inter.pem", "--under", "half.chain", "-o", "half-sign.chain")
    desk.ok("keys", "chain", "signing", "sign.pub", *under)
    assert desk.sign("half-sign.chain").code == 0
    assert "1 of 2 signatures by roots" in verdict(desk)
    desk.ok("keys", "chain", "sign", "half-sign.chain", "--by", "root-a.pem", "-o", "full.chain")
    assert desk.sign("full.chain").code == 0 and verdict(desk) == ""


def test_a_root_set_that_lacks_signatures_says_so(desk):
    words = ("root-a.pub", "root-b.pub", "--threshold", 2, "--by", "root-a.pem", "-o", "r.chain")
    made = desk.ok("keys", "chain", "roots", *words)
    assert "root set statement 1 has 1 of 2 own signatures" in made.out
    done = desk.ok("keys", "chain", "sign", "r.chain", "--by", "root-b.pem", "-o", "r2.chain")
    assert "own signatures" not in done.out


def test_new_roots_travel_with_an_image(desk):
    desk.whole()
    publics = ("root-b.pub", "root-c.pub")
    both = ("--by", "root-a.pem", "--by", "root-b.pem", "--by", "root-c.pem")
    desk.ok(
        "keys", "chain", "roots", *publics, "--threshold", 2, "--version", 2, *both, "-o", "roots-2.chain"
    )
    by = ("--by", "root-b.pem", "--by", "root-c.pem")
    desk.ok("keys", "chain", "intermediate", "inter.pub", *by, "--version", 2, "-o", "inter-2.chain")
    under = ("--by", "inter.pem", "--under", "inter-2.chain", "-o", "sign-2.chain")
    desk.ok("keys", "chain", "signing", "sign.pub", *under)
    desk.ok("keys", "chain", "join", "sign-2.chain", "roots-2.chain", "roots-2.chain", "-o", "all.chain")
    assert [one.role for one in load_chain(desk.path("all.chain")).statements] == [4, 1, 2]
    assert desk.sign("all.chain").code == 0
    assert verdict(desk) == "" and verdict(desk, roots="roots-2.chain") == ""


def test_revocations(desk):
    desk.whole()
    by = ("--by", "root-a.pem", "--by", "root-c.pem")
    desk.ok("keys", "revoke", "sign.pub", *by, "--stop", "-o", "r.chain")
    shown = desk.ok("keys", "chain", "show", "r.chain", "--json").json()["statements"][0]
    keyhash = load_public(desk.path("sign.pub")).keyhash.hex()
    assert (shown["role"], shown["keyhash"], shown["stop"]) == ("revocation", keyhash, True)
    desk.ok("keys", "revoke", keyhash, *by, "-o", "same.chain")
    assert load_chain(desk.path("same.chain")).statements[0].subject.hex() == keyhash
    under = ("--under", "inter.chain", "--by", "inter.pem", "-o", "own.chain")
    desk.ok("keys", "revoke", "sign.pub", *under)
    desk.ok("keys", "chain", "join", "own.chain", "sign.chain", "-o", "joined.chain")
    refused = desk.sign("joined.chain")
    assert refused.code == 2 and "the chain itself revokes its signing key" in refused.err
    assert not desk.path("x.bin").exists()
    options = SignOptions(custom_tlvs=claim_tlvs(desk.path("joined.chain").read_bytes()))
    signer = open_signer(str(desk.path("sign.pem")))
    desk.path("x.bin").write_bytes(sign(b"payload", parse_version("1.2.3"), signer, options))
    assert "the signing key is revoked" in verdict(desk), "as a device sees one that was made elsewhere"


def test_show_says_what_a_person_wants_to_know(desk):
    desk.whole()
    shown = desk.ok("keys", "chain", "show", "sign.chain").out
    assert "intermediate key statement, version 1" in shown and "  limits    none\n" in shown
    assert load_public(desk.path("root-a.pub")).keyhash[:8].hex() in shown
    assert "threshold 2" in " ".join(desk.ok("keys", "chain", "show", "roots.chain").out.split())
    limits = ("--image", 0, "--image", 1, "--counter-min", 3)
    one = ("--by", "root-a.pem", "-o", "narrow.chain")
    made = desk.ok("keys", "chain", "intermediate", "inter.pub", *one, *limits).out
    assert made.endswith(" bytes\n  intermediate key statement 1, signed by 1 key\n")
    shown = desk.ok("keys", "chain", "show", "narrow.chain").out
    assert "  limits    image 0, 1; security counter 3 to any\n" in shown


def test_wrong_issuers_and_files_are_one_clear_error(desk):
    desk.whole()
    rows = [
        (
            ("signing", "sign.pub", "--by", "root-a.pem", "--under", "inter.chain"),
            "not the intermediate key of",
        ),
        (
            ("signing", "sign.pub", "--by", "inter.pem", "--under", "roots.chain"),
            "no intermediate key statement",
        ),
        (("signing", "inter.pub", "--by", "inter.pem", "--under", "inter.chain"), "vouches for itself"),
        (("roots", "root-a.pub", "--threshold", 2, "--by", "root-a.pem"), "threshold 2 of 1"),
        (("roots", "root-a.pub", "root-a.pub", "--by", "root-a.pem"), "a key stands twice"),
        (("sign", "nothing.chain", "--by", "root-a.pem"), "chain not found"),
        (("sign", "p.romfs", "--by", "root-a.pem"), "chain: "),
        (("join", "inter.chain", "rival.chain"), "a second intermediate key"),
    ]
    by = ("--by", "root-a.pem", "--by", "root-b.pem")
    desk.ok("keys", "chain", "intermediate", "sign-2.pub", *by, "-o", "rival.chain")
    for words, text in rows:
        refused = desk("keys", "chain", *words, "-o", "no.chain")
        assert refused.code in (2, 3) and text in refused.err, (words, refused.err)
        assert not desk.path("no.chain").exists()
    kept = desk("keys", "chain", "intermediate", "inter.pub", *by, "-o", "inter.chain")
    assert kept.code == 2 and "exists" in kept.err
    refused = desk("keys", "rotate", "roots.chain", "sign.pub", *by, "-o", "no.chain")
    assert refused.code == 2 and "no key to replace" in refused.err


def test_every_changed_bit_of_a_chain_is_refused(desk):
    desk.whole()
    held = root_set(desk.path("roots.chain").read_bytes())
    signer = open_signer(str(desk.path("sign.pem")))
    from ophion.sign import SignOptions, sign
    from ophion.versions import parse_version

    good = desk.path("sign.chain").read_bytes()
    for bit in range(0, 8 * len(good), 3):
        data = bytearray(good)
        data[bit >> 3] ^= 1 << (bit & 7)
        options = SignOptions(custom_tlvs={0x1A0: bytes(data)})
        image = parse_image(sign(b"payload", parse_version("1.0.0"), signer, options))
        with pytest.raises(VerificationFailed):
            verify_image(image, [], roots=held)


def test_root_sets_for_a_layout(desk):
    desk.whole()
    held = root_set(desk.path("roots.chain").read_bytes())
    assert (held["version"], held["threshold"], len(held["keys"])) == (1, 2, 3)
    with pytest.raises(LayoutError, match="holds none"):
        root_set(desk.path("sign.chain").read_bytes())
    with pytest.raises(LayoutError, match="root set: "):
        root_set(b"nonsense")


def test_sample_keys_do_not_get_into_chains(desk, vectors):
    sample = str(vectors.parent / "keys" / "chain-root-a.pem")
    refused = desk._cli("keys", "chain", "roots", sample, "--by", sample, "-o", desk.path("s.chain"))
    assert refused.code == 3 and "public knowledge" in refused.err
    with pytest.raises(KeyFileError, match="public knowledge"):
        load_chain(vectors.parent / "bad" / "roots.chain").refuse_samples(False)


def test_limits_by_themselves():
    assert KeyLimits() == KeyLimits("", (), 0, COUNTER_MAX)
    with pytest.raises(KeyFileError, match="chain: it is empty"):
        Chain.parse(b"")


def test_a_statement_that_nobody_signs_is_none(vectors):
    with pytest.raises(UsageError, match="somebody who signs"):
        key_statement(INTERMEDIATE, load_public(vectors / "key-ed25519-pub.pem"), [])


@pytest.mark.parametrize(
    "types", [("ecdsa-p256", "rsa-2048", "ed25519"), ("rsa-4096", "ecdsa-p256", "rsa-3072")]
)
def test_links_of_any_type_sign_each_other(desk, types):
    for name, kind in zip(("r", "i", "s"), types, strict=True):
        desk.ok("keys", "new", f"{name}.pem", "--type", kind)
    desk.ok("keys", "chain", "roots", "r.pub", "--by", "r.pem", "-o", "roots.chain")
    desk.ok("keys", "chain", "intermediate", "i.pub", "--by", "r.pem", "-o", "i.chain")
    desk.ok("keys", "chain", "signing", "s.pub", "--by", "i.pem", "--under", "i.chain", "-o", "s.chain")
    assert desk.sign("s.chain", "s.pem").code == 0
    assert verdict(desk) == ""
    bad = bytearray(desk.path("x.bin").read_bytes())
    bad[-1] ^= 1
    desk.path("bad.bin").write_bytes(bad)
    assert "signature: " in verdict(desk, "bad.bin")


def test_an_image_of_another_number_needs_a_key_for_it(desk):
    desk.whole()
    under = ("--by", "inter.pem", "--under", "inter.chain", "-o", "runtime.chain")
    desk.ok("keys", "chain", "signing", "sign.pub", "--image", 1, *under)
    assert desk.sign("runtime.chain").code == 0
    assert "signing key statement 1 is not for image 0" in verdict(desk)


def test_a_checked_chain_costs_nothing_more(desk):
    """How many signatures a device checks at a boot: all four, then, once it was confirmed, one."""
    desk.whole()
    assert desk.sign("sign.chain").code == 0
    area = MemoryFlash(desk.path("x.bin").read_bytes()).area()
    held = root_set(desk.path("roots.chain").read_bytes())
    cells = Memory()
    counts = []
    for cache in (True, True, True, False):
        verifier = Verifier(Trust([], held, cells, cache=cache), bytearray(4096))
        image, count = counted(lambda checks=verifier: checks.verify(area, area.size))
        counts.append(count)
        if len(counts) == 2:
            assert verifier.confirmed(image) == ""
    assert counts == [4, 4, 1, 4]


class Memory:
    """Persistent cells, as long as the test."""

    def __init__(self):
        self.values = {}

    def load(self, name):
        return self.values.get(name)

    def store(self, name, data):
        self.values[name] = data


def counted(call):
    """(what `call` returns, how often it came to `check_signature`), by the interpreter's own profiler."""
    seen = []

    def note(frame, event, _):
        if event == "call" and frame.f_code is check_signature.__code__:
            seen.append(1)

    sys.setprofile(note)
    try:
        return call(), len(seen)
    finally:
        sys.setprofile(None)
