"""The constant tables by their definition, and schedules by what they sum."""

from ophion_boot.crypto import (
    base_ed25519,
    base_p256,
    ed25519,
    ed25519_table,
    odd_ed25519,
    odd_p256,
    p256_table,
)
from ophion_boot.crypto.comb import regular_schedule, schedule
from ophion_boot.crypto.inverse import inverse

L = 2**252 + 27742317777372353535851937790883648493
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_the_tables_of_ed25519_are_of_its_generator():
    # RFC 8032, 5.1: y = 4/5, x even.
    y = 4 * inverse(5, 2**255 - 19) % (2**255 - 19)
    base = ed25519.decode_point(y.to_bytes(32, "little"), "B")
    assert ed25519_table.comb_table(*base) == base_ed25519.TABLE
    assert ed25519_table.odd_table(*base) == odd_ed25519.TABLE
    assert (len(base_ed25519.TABLE), len(odd_ed25519.TABLE)) == (6144, 1536)


def test_the_tables_of_p256_are_of_its_generator():
    # SP 800-186, 3.2.1.3.
    gx = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
    gy = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5
    assert p256_table.comb_table(gx, gy) == base_p256.TABLE
    assert p256_table.odd_table(gx, gy) == odd_p256.TABLE
    assert (len(base_p256.TABLE), len(odd_p256.TABLE)) == (4096, 8192)


def total(steps, points, base=0, key=0, odd=0):
    """What `steps` sums when points are numbers."""
    value = 0
    for i in range(0, len(steps), 2):
        kind, index = steps[i], steps[i + 1]
        if kind == 0:
            value <<= index
            continue
        if kind <= 2:
            entry = points[index >> 3] * (2 * (index & 7) + 1)
        else:
            point = base if kind <= 4 else key
            entry = odd * (2 * index + 1) if odd else point << 222
            for tooth in range(0 if odd else 6):
                entry += (point << 37 * tooth) * (1 if index >> tooth & 1 else -1)
        value += entry if kind & 1 else -entry
    return value


def test_schedules_sum_what_they_say():
    x = 3**160
    count = 0
    for order in (L, N):
        for a, b in ((0, 0), (1, -1), (31, 32), (-(x >> 130), x >> 125), (x % 2**256, 5)):
            for k in (0, 1, 2, order - 1, x % order, 7 * x % order):
                points = (1000, 77)
                one = schedule((a, b), order, k)
                assert (total(one, points, 5) - 1000 * a - 77 * b - 5 * k) % order == 0
                for odd in (k, k - order):
                    three = schedule((a,), order, odd_base=odd)
                    assert total(three, points, odd=5) == 1000 * a + 5 * odd
                two = schedule((), order, k, k * a % order)
                assert (total(two, (), 5, 9) - 5 * k - 9 * (k * a % order)) % order == 0
                count += 1
    assert count == 60


def test_regular_schedules_have_one_shape():
    shapes = set()
    for k in (1, 3, N - 2, 2**255 + 1, 2**256 - 1, 3**161 % N | 1):
        steps = regular_schedule(k)
        assert total(steps, (1,)) == k
        shapes.add(bytes([min(steps[i], 1) for i in range(0, len(steps), 2)]))
    assert len(shapes) == 1


def test_inverse():
    for a in (1, 2, 3, N - 1, 3**160 % N):
        assert a * inverse(a, N) % N == 1
    assert inverse(6, 9) == 0 and inverse(4, 2**64) == 0


def test_inverse_of_numbers_that_look_like_others_in_their_highest_bits():
    count = 0
    for m in (L, N, 2**255 - 19, 2**31 - 1, 2**256 - 1):
        for k in range(1, 255, 7):
            for a in (2**k, 2**k - 1, m - 2**k, m // 2**k + 1, m // 3 + 2**k, m * 30000 // 30001 - k):
                if 0 < a < m:
                    found = inverse(a, m)
                    assert a * found % m == 1 if found else m == 2**256 - 1, (a, m)
                    assert 0 <= found < m
                    count += 1
    assert count > 700
