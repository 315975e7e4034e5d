"""Signatures and events of both vendors, without a wire."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.providers.errors import Unreadable
from connections.providers.exact import webhooks as exact
from connections.providers.square import webhooks as square

ADDRESS = "https://example.com/webhook"
VECTOR = "2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og="
EVENT: dict[str, Any] = {
    "merchant_id": "M1", "type": "payment.updated", "event_id": "e-1", "created_at": "2026-03-02T12:00:00.5Z",
    "data": {"type": "payment", "id": "P1", "object": {"payment": {"id": "P1", "location_id": "L1"}}},
}  # fmt: skip
CONTENT = (
    '{"Topic":"Accounts","ClientId":"c","Division":100001,"Action":"Update","Key":"AB-1",'
    '"ExactOnlineEndpoint":"https://x/y","EventCreatedOn":"2026-03-02T13:00:00.587"}'
)


def test_square_s_published_vector_fits_and_its_reverse_does_not() -> None:
    """# Reference: square.md 4.2."""
    body = b'{"hello":"world"}'

    assert square.signature(body, address=ADDRESS, key="asdf1234") == VECTOR
    assert square.is_genuine(body, VECTOR, address=ADDRESS, keys=["asdf1234"])
    assert not square.is_genuine(ADDRESS.encode(), VECTOR, address=body.decode(), keys=["asdf1234"])


@pytest.mark.parametrize(
    "given_",
    ["", "x", VECTOR.rstrip("="), VECTOR + "=", VECTOR.replace("+", "-").replace("/", "_"), VECTOR.lower(),
     f" {VECTOR}", "é", "\ud800", VECTOR + "\0"],
)  # fmt: skip
def test_nothing_but_the_very_signature_passes_for_it(given_: str) -> None:
    assert not square.is_genuine(b'{"hello":"world"}', given_, address=ADDRESS, keys=["asdf1234"])


@pytest.mark.parametrize(
    ("address", "keys"),
    [(ADDRESS + "/", ["asdf1234"]), (ADDRESS.replace("https", "http"), ["asdf1234"]), (ADDRESS, ["other"]),
     (ADDRESS, []), (ADDRESS, [""])],
)  # fmt: skip
def test_another_address_or_key_makes_another_signature(address: str, keys: list[str]) -> None:
    assert not square.is_genuine(b'{"hello":"world"}', VECTOR, address=address, keys=keys)


@given(body=st.binary(max_size=200), key=st.text(min_size=1, max_size=20).filter(str.isascii), flip=st.integers(0))
def test_a_body_with_one_bit_changed_is_not_genuine(body: bytes, key: str, flip: int) -> None:
    signed = square.signature(body, address=ADDRESS, key=key)
    changed = bytearray(body + b"!")
    changed[flip % len(changed)] ^= 1

    assert square.is_genuine(body, signed, address=ADDRESS, keys=["new", key])
    assert not square.is_genuine(bytes(changed), signed, address=ADDRESS, keys=["new", key])


def test_an_event_of_square_says_what_to_look_at() -> None:
    found = square.event(json.dumps(EVENT).encode())

    assert (found.event_id, found.type, found.object_id) == ("e-1", "payment.updated", "P1")
    assert (found.account, found.location_id, found.division) == ("M1", "L1", None)
    assert found.happened_at.isoformat() == "2026-03-02T12:00:00.500000+00:00"


@pytest.mark.parametrize(
    ("change", "location", "object_id"),
    [({"location_id": "L9"}, "L9", "P1"), ({"data": None}, "", ""), ({"data": {"id": "x", "object": []}}, "", "x"),
     ({"data": {"id": "x", "object": {"p": {"location_id": 7}}}}, "", "x")],
)  # fmt: skip
def test_what_an_event_leaves_out_is_left_empty(change: dict[str, Any], location: str, object_id: str) -> None:
    found = square.event(json.dumps({**EVENT, **change}).encode())

    assert (found.location_id, found.object_id) == (location, object_id)


def deep(levels: int) -> bytes:
    return (
        b'{"event_id":"e","type":"t","created_at":"2026-03-02T12:00:00Z","data":'
        + b'{"a":' * levels
        + b"1"
        + b"}" * (levels + 1)
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b"\xff", b'{"a":NaN}', deep(30), deep(100_000),
     *(json.dumps({**EVENT, **bad}).encode() for bad in (
         {"event_id": None}, {"event_id": ""}, {"event_id": 7}, {"event_id": "x" * 191}, {"type": None},
         {"type": "t" * 81}, {"created_at": None}, {"created_at": "yesterday"}, {"created_at": "2026-03-02T12:00:00"},
         {"data": 1},
         {"data": {"id": "x" * 191}}, {"merchant_id": []},
     ))],
)  # fmt: skip
def test_what_is_no_event_of_square_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        square.event(body)


def test_exact_s_hash_is_over_the_content_as_it_came() -> None:
    """# Reference: exact-online.md 12, our vector."""
    content = b'{"Topic":"Items","Action":"Update"}'
    code = "568BE54284B5381685EDB11A845D0BA8BB7CB7B88A931DE69A46E6954F4D9B8D"
    body = b'{"Content":' + content + b',"HashCode":"' + code.encode() + b'"}'

    halves = exact.taken_apart(body)

    assert halves.content == content
    assert exact.is_genuine(halves, keys=["s3cret"])
    assert exact.is_genuine(exact.taken_apart(body.replace(code.encode(), code.lower().encode())), keys=["", "s3cret"])
    assert not exact.is_genuine(halves, keys=["other"])
    assert not exact.is_genuine(exact.taken_apart(body.replace(b'"Items"', b'"items"')), keys=["s3cret"])


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"Content":{},"HashCode":""}', b'{"HashCode":"' + b"A" * 64 + b'","Content":{}}',
     b'{"Content":[],"HashCode":"' + b"A" * 64 + b'"}', b'{"Content":{},"HashCode":"' + b"A" * 64 + b'"}x',
     b'{"Content":{},"HashCode":"' + b"G" * 64 + b'"}'],
)  # fmt: skip
def test_another_form_of_exact_s_envelope_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        exact.taken_apart(body)


def test_a_second_hash_inside_the_content_does_not_end_it() -> None:
    inner = b'{"Key":"x","HashCode":"' + b"A" * 64 + b'"}'
    body = b'{"Content":' + inner + b',"HashCode":"' + b"B" * 64 + b'"}'

    assert exact.taken_apart(body).content == inner


def test_an_event_of_exact_is_named_by_what_it_says() -> None:
    found = exact.event(CONTENT.encode())
    again = exact.event(CONTENT.replace('"Update"', '"UPDATE"').replace("AB-1", "ab-1").encode())
    later = exact.event(CONTENT.replace("00.587", "00.588").encode())

    assert (found.type, found.object_id, found.division) == ("Accounts.Update", "ab-1", 100001)
    assert found.event_id == again.event_id != later.event_id
    assert found.happened_at.isoformat() == "2026-03-02T13:00:00.587000+00:00"


@pytest.mark.parametrize(
    "change",
    [("100001", "0"), ("100001", "99999999999"), ("100001", '"x"'), ("2026-03-02T13:00:00.587", "soon"),
     ("2026-03-02T13:00:00.587", "0001-01-01T00:00:00+10:00"), ('"Key":"AB-1",', ""), ("Accounts", "A" * 81),
     ("{", "[")],
)  # fmt: skip
def test_what_is_no_event_of_exact_is_unreadable(change: tuple[str, str]) -> None:
    with pytest.raises(Unreadable):
        exact.event(CONTENT.replace(*change).encode())
