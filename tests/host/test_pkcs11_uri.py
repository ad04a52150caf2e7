"""PKCS#11 URIs as RFC 7512 writes them; what is wrong with one is said, its PIN never."""

import pytest
from ophion.errors import UsageError
from ophion.keys.pkcs11_uri import Pkcs11Uri, parse_uri


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("pkcs11:object=k", Pkcs11Uri(object="k")),
        ("pkcs11:id=%00%ffA", Pkcs11Uri(id=b"\x00\xffA")),
        (
            "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;"
            "object=my-certificate;type=private;id=%69%95%3E;serial=abc?pin-source=file:/etc/token_pin",
            Pkcs11Uri(
                token="The Software PKCS#11 Softtoken",
                manufacturer="Snake Oil, Inc.",
                model="1.0",
                serial="abc",
                object="my-certificate",
                id=b"\x69\x95\x3e",
                pin_source="file:/etc/token_pin",
            ),
        ),
        (
            "pkcs11:object=a?module-path=/usr/lib/x.so&pin-value=the%26pin",
            Pkcs11Uri(object="a", module_path="/usr/lib/x.so", pin_value="the&pin"),
        ),
        ("pkcs11:slot-id=327;object=%C3%A4?pin-value=", Pkcs11Uri(slot_id=327, object="ä", pin_value="")),
    ],
)
def test_what_a_uri_says(uri, expected):
    assert parse_uri(uri) == expected


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("file:x", "starts with pkcs11:"),
        ("pkcs11:", "which key"),
        ("pkcs11:token=t", "which key"),
        ("pkcs11:object=", "which key"),
        ("pkcs11:object=a;object=b", "object is given twice"),
        ("pkcs11:object=a;", "no attribute ''"),
        ("pkcs11:object=a;colour=red", "no attribute 'colour'"),
        ("pkcs11:object=a;library-version=3", "no attribute 'library-version'"),
        ("pkcs11:object=a;pin-value=1", "no attribute 'pin-value' here"),
        ("pkcs11:object=a?token=t", "no attribute 'token' here"),
        ("pkcs11:object=a?module-name=x", "no attribute 'module-name'"),
        ("pkcs11:object", "no attribute 'object'"),
        ("pkcs11:object=a%2", "object has a % without"),
        ("pkcs11:object=%zz", "object has a % without"),
        ("pkcs11:object=%ff", "object is not UTF-8"),
        ("pkcs11:object=a b", "are written %20"),
        ("pkcs11:object=ä", "are written %20"),
        ("pkcs11:object=a;type=public", "type must be private"),
        ("pkcs11:object=a;slot-id=x", "slot-id 'x' is not a decimal number"),
        ("pkcs11:object=a?pin-value=1&pin-source=f", "exclude each other"),
        ("pkcs11:object=a?pin-value=1&pin-value=2", "pin-value is given twice"),
    ],
)
def test_what_is_wrong_with_a_uri(uri, words):
    with pytest.raises(UsageError) as caught:
        parse_uri(uri)
    assert words in str(caught.value)


def test_a_pin_stands_in_no_message_and_no_name():
    parsed = parse_uri("pkcs11:token=t;object=k;id=%01?pin-value=31337")
    assert str(parsed) == "pkcs11:token=t;object=k;id=01"
    with pytest.raises(UsageError) as caught:
        parse_uri("pkcs11:object=k?pin-value=31337%2")
    assert "31337" not in str(caught.value) + caught.value.hint
