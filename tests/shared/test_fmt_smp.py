"""The SMP header, on the recorded requests and responses of real clients and servers."""

from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map
from ophion_boot.fmt.smp import HEADER_BYTES, Request, pack_request, payload_length
from support import raises, read_json


def test_recorded_requests_parse_and_pack_again():
    count = 0
    for name, text in read_json("smp_vectors.json").items():
        if not name.startswith("req_"):
            continue
        data = bytes.fromhex(text)
        request = Request(data)
        assert payload_length(data) == len(data) - HEADER_BYTES
        payload = data[HEADER_BYTES:]
        decode_map(payload)
        again = pack_request(
            request.version, request.write, request.group, request.seq, request.command, payload
        )
        assert again == data, name
        count += 1
    assert count >= 14


def test_a_response_carries_the_header_of_its_request():
    vectors = read_json("smp_vectors.json")
    request = Request(bytes.fromhex(vectors["req_params_v2"]))
    expected = bytes.fromhex(vectors["rsp_params"])
    assert request.response(expected[HEADER_BYTES:]) == expected


def test_what_is_not_a_request_is_refused():
    assert "header" in raises(FormatError, Request, b"\x08\x00\x00")
    assert "op 1" in raises(FormatError, Request, bytes.fromhex("0900000100000006a0"))
    assert "version 2" in raises(FormatError, Request, bytes.fromhex("1000000100000006a0"))
