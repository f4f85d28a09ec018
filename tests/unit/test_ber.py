"""Cutting search results out of the stream: however it was cut, the same entries; whatever is wrong, an error and no entry."""

from __future__ import annotations

import contextlib
import gc
import itertools
import threading
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.directory import cutter as cutter_module
from syncd.directory.ber import LONGEST, SEQUENCE, BerError, contents, elements, encode, encode_integer, integer
from syncd.directory.cutter import Cutter, Message
from syncd.directory.messages import SEARCH_RESULT_DONE, parse_result
from syncd.model.entry import Entry
from tests.servers.ldap_stub import done, entry, paged, reference

_NAMES = st.sampled_from(["cn", "uid", "sn", "mail", "objectClass", "jpegPhoto", "member", "x-" + "y" * 140])
_ATTRIBUTES = st.dictionaries(_NAMES, st.lists(st.binary(max_size=200), max_size=4), max_size=6)
_ENTRIES = st.lists(st.tuples(st.text(max_size=40), _ATTRIBUTES), max_size=12)


def cut(chunks: list[bytes], message_id: int = 7) -> tuple[list[Entry], list[Message]]:
    cutter, entries, others = Cutter(), [], []
    for chunk in chunks:
        others += cutter.feed(chunk, message_id=message_id, entries=entries)
    return entries, others


def split(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(_ENTRIES, st.lists(st.integers(min_value=0), max_size=20))
def test_any_split_of_the_stream_gives_the_same_entries(
    wanted: list[tuple[str, dict[str, list[bytes]]]], places: list[int]
) -> None:
    stream = b"".join(entry(7, dn, attributes) for dn, attributes in wanted) + done(7, controls=paged(b"more"))
    entries, others = cut(split(stream, places))
    assert entries == [Entry(dn, {name.lower(): values for name, values in attributes.items()}) for dn, attributes in wanted]
    assert [(message.id, message.tag) for message in others] == [(7, 0x65)]


@given(_ENTRIES)
def test_byte_by_byte(wanted: list[tuple[str, dict[str, list[bytes]]]]) -> None:
    stream = b"".join(entry(300, dn, attributes) for dn, attributes in wanted) + done(300)
    entries, others = cut([bytes((byte,)) for byte in stream], message_id=300)
    assert len(entries) == len(wanted)
    assert len(others) == 1


@pytest.mark.parametrize("place", range(96))
def test_a_damaged_octet_is_an_error_or_differs_in_a_value_only(place: int) -> None:
    """No damage may invent an entry, lose one, or run for ever."""
    good = [("cn=a,dc=x", {"cn": [b"a"], "mail": [b"a@x", b"b@x"]}), ("cn=b,dc=x", {"cn": [b"b"]})]
    stream = bytearray(b"".join(entry(7, dn, attributes) for dn, attributes in good) + done(7))
    assert len(stream) == 96
    for octet in range(256):
        stream[place] = octet
        with contextlib.suppress(BerError):
            entries, others = cut([bytes(stream)])
            ends = [message for message in others if message.tag == SEARCH_RESULT_DONE and message.id == 7]
            # an entry that calls itself the end has nothing in it that could be a result
            ended = [parse_result(message) for message in ends]
            # a length that became longer leaves the rest waiting for more; then there is no end of the search either
            assert not ended or len(entries) + len(others) - len(ends) == len(good)


@given(st.binary(max_size=300))
@example(b"HTTP/1.1 400 Bad Request\r\n\r\n")
def test_any_bytes_give_messages_or_an_error(data: bytes) -> None:
    try:
        entries, _ = cut([data])
    except BerError:
        return
    assert len(entries) <= len(data) // 7


def test_active_directory_writes_lengths_in_four_octets() -> None:
    def wide(tag: int, *parts: bytes) -> bytes:
        body = b"".join(parts)
        return bytes((tag, 0x84)) + len(body).to_bytes(4, "big") + body

    def attribute(name: bytes, *values: bytes) -> bytes:
        return wide(SEQUENCE, encode(4, name), wide(0x31, *(encode(4, value) for value in values)))

    body = attribute(b"cn", b"Ann"), attribute(b"member", b"cn=a", b"cn=b"), attribute(b"description", b"x" * 300)
    stream = wide(SEQUENCE, encode_integer(7), wide(0x64, encode(4, b"cn=Ann"), wide(SEQUENCE, *body)))
    entries, _ = cut([stream * 3])
    wanted = {"cn": [b"Ann"], "member": [b"cn=a", b"cn=b"], "description": [b"x" * 300]}
    assert entries == [Entry("cn=Ann", wanted)] * 3


def test_names_are_canonical_and_values_of_one_attribute_are_joined() -> None:
    attributes = {"surname": [b"a"], "sn": [b"b"], "userCertificate;binary": [b"c"], "CN;Lang-DE": [b"d"], "2.5.4.3": [b"e"]}
    # twice: the second time by remembered headers
    entries, _ = cut([entry(7, "cn=e", attributes) * 2])
    assert (
        entries
        == [
            Entry("cn=e", {"sn": [b"a", b"b"], "usercertificate": [b"c"], "cn;lang-de": [b"d"], "cn": [b"e"]}),
        ]
        * 2
    )


def test_a_dn_that_is_not_utf8_can_be_given_back() -> None:
    entries, _ = cut([entry(7, b"cn=J\xf6rg,dc=x", {})])
    assert entries[0].dn.encode("utf-8", "surrogateescape") == b"cn=J\xf6rg,dc=x"


def test_entries_of_another_request_are_messages() -> None:
    entries, others = cut([entry(6, "cn=old", {}) + reference(7, "ldap://x/") + entry(7, "cn=new", {})])
    assert [found.dn for found in entries] == ["cn=new"]
    assert [(message.id, message.tag) for message in others] == [(6, 0x64), (7, 0x73)]


def test_a_message_id_in_more_octets_than_needed_is_understood() -> None:
    plain = entry(7, "cn=a", {"cn": [b"a"]})
    start, _ = contents(plain, 1)
    stream = encode(SEQUENCE, b"\x02\x04\x00\x00\x00\x07", plain[start + 3 :])
    assert cut([stream])[0] == [Entry("cn=a", {"cn": [b"a"]})]


def test_many_different_headers_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutter_module, "_MOST_HEADERS", 10)
    cutter, entries = Cutter(), []
    for number in range(50):
        cutter.feed(entry(7, "cn=a", {f"x{number}": [b"v"]}), message_id=7, entries=entries)
        assert len(cutter._headers) <= 11
    assert len(entries) == 50


@pytest.mark.parametrize(
    "stream",
    [
        b"\x31\x05\x02\x01\x07\x65\x00",
        # longer than any message may be
        b"\x30\x84\x20\x00\x00\x00" + b"\x00" * 20,
        # indefinite length
        b"\x30\x80\x02\x01\x07\x64\x00\x00\x00",
        # an entry whose attribute list is longer than the entry
        encode(SEQUENCE, encode_integer(7), b"\x64\x06\x04\x00\x30\x09\x30\x00"),
        # an attribute value longer than its set
        encode(SEQUENCE, encode_integer(7), encode(0x64, b"\x04\x00", encode(0x30, b"\x30\x09\x04\x02cn\x31\x03\x04\x09a"))),
        # an attribute name that is not ASCII
        encode(SEQUENCE, encode_integer(7), encode(0x64, b"\x04\x00", encode(0x30, b"\x30\x06\x04\x02c\xf6\x31\x00"))),
        # something other than controls behind the operation
        encode(SEQUENCE, encode_integer(7), encode(0x65, b"\x0a\x01\x00\x04\x00\x04\x00"), b"\x04\x00"),
        encode(SEQUENCE, encode_integer(7), encode(0x64, b"\x04\x00\x30\x00"), b"\x04\x00"),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 ",
    ],
)
def test_what_is_not_ldap_is_an_error(stream: bytes) -> None:
    with pytest.raises(BerError):
        cut([stream])


def test_the_collector_is_on_again_whatever_happens() -> None:
    cut([entry(7, "cn=a", {})])
    assert gc.isenabled()
    with pytest.raises(BerError):
        cut([b"HTTP/1.1 400"])
    assert gc.isenabled()
    threads = [threading.Thread(target=cut, args=([entry(7, "cn=a", {"cn": [b"a"]}) * 500],)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gc.isenabled()


def test_the_collector_is_on_again_when_one_read_ends_while_another_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    first = cutter_module._collector_paused()
    first.__enter__()

    def found_off() -> bool:
        """The first one ends right after the second has looked."""
        on = gc.isenabled()
        first.__exit__(None, None, None)
        return on

    monkeypatch.setattr(cutter_module, "gc", SimpleNamespace(isenabled=found_off, disable=gc.disable, enable=gc.enable))
    try:
        with cutter_module._collector_paused():
            pass
        assert gc.isenabled()
    finally:
        gc.enable()


@given(st.integers(min_value=-(2**31), max_value=2**31 - 1))
def test_integers(value: int) -> None:
    data = encode_integer(value)
    assert integer(data, *contents(data, 1)) == value
    assert len(data) == 2 or data[2:4] not in (b"\x00\x00", b"\xff\xff")


@given(st.binary(max_size=70_000))
def test_lengths(body: bytes) -> None:
    data = encode(4, body)
    start, end = contents(data, 1)
    assert data[start:end] == body
    assert list(elements(data, 0, len(data))) == [(4, start, end)]


def test_elements_must_fill_what_holds_them() -> None:
    with pytest.raises(BerError):
        list(elements(b"\x04\x05abc", 0, 5))
    with pytest.raises(BerError):
        contents(b"\x84" + (LONGEST + 1).to_bytes(4, "big"), 0)
