"""The messages of a search, and which references hide a part of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.directory.ber import BerError
from syncd.directory.cutter import Cutter, Message
from syncd.directory.messages import (
    PAGED_RESULTS,
    encode_message,
    encode_search,
    paged_results,
    parse_cookie,
    parse_reference,
    parse_result,
)
from syncd.directory.references import missing_parts
from syncd.errors import InvalidFilterError
from syncd.model.reading import Scope, Search
from tests.servers.ldap_stub import done, paged, reference, result

SEARCH = Search(purpose="users", base_dn="dc=x", filter="(uid=*)", scope=Scope.ONE, attributes=("cn",))


def only(data: bytes, message_id: int = 7) -> Message:
    (message,) = Cutter().feed(data, message_id=message_id, entries=[])
    return message


def test_a_search_request_byte_by_byte() -> None:
    # SearchRequest: base, one level, never dereference, no limits, values too, present uid, attribute cn (RFC 4511 4.5.1)
    body = b"\x04\x04dc=x\x0a\x01\x01\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x03uid\x30\x04\x04\x02cn"
    assert encode_search(SEARCH) == bytes((0x63, len(body))) + body


def test_the_paging_control_is_critical() -> None:
    # 30 .. 04 16 <oid> 01 01 ff 04 .. 30 .. 02 02 03e8 04 01 c
    control = paged_results(1000, b"c")
    assert control == b"\x30\x26\x04\x16" + PAGED_RESULTS.encode() + b"\x01\x01\xff\x04\x09\x30\x07\x02\x02\x03\xe8\x04\x01c"
    assert encode_message(1, b"\x42\x00", control) == b"\x30\x2f\x02\x01\x01\x42\x00\xa0\x28" + control


@given(st.binary(max_size=3000), st.integers(min_value=0, max_value=2**31 - 1))
def test_cookies_come_back(cookie: bytes, size: int) -> None:
    parsed = parse_result(only(done(7, controls=paged(cookie, size))))
    value = parsed.controls[PAGED_RESULTS]
    assert value is not None
    assert (parsed.code, parse_cookie(value)) == (0, cookie)


@given(st.binary(max_size=30))
def test_no_bytes_make_a_cookie_reader_stumble(value: bytes) -> None:
    try:
        cookie = parse_cookie(value)
    except (BerError, IndexError):
        return
    assert cookie in value


def test_results() -> None:
    parsed = parse_result(only(result(7, 0x65, code=10, text="see\u00e9", more=b"\xa3\x0c\x04\x0aldap://x/y")))
    assert (parsed.code, parsed.text, parsed.referrals) == (10, "see\u00e9", ("ldap://x/y",))
    assert parsed.controls == {}


def test_references_keep_all_their_urls() -> None:
    assert parse_reference(only(reference(7, "ldap://a/dc=x", "ldap://b/dc=x"))) == ("ldap://a/dc=x", "ldap://b/dc=x")


@pytest.mark.parametrize("filter_", ["", "uid=x", "(uid=x", "(&(uid=x)", "(uid=\\x)"])
def test_bad_filters(filter_: str) -> None:
    with pytest.raises(InvalidFilterError, match="users"):
        encode_search(Search(purpose="users", base_dn="dc=x", filter=filter_, attributes=("cn",)))


def test_a_base_that_no_text_can_be() -> None:
    with pytest.raises(InvalidFilterError, match="cannot be encoded"):
        encode_search(Search(purpose="users", base_dn="dc=\udcff", filter="(uid=*)", attributes=("cn",)))


def test_missing_parts_names_the_first_url_of_each() -> None:
    references = [("ldap://a/ou=x,dc=y", "ldap://b/ou=x,dc=y"), ("ldap://a/CN=Configuration,DC=y",), ("ldap://a/dc=z",)]
    assert missing_parts(references, base_dn="DC=Y", naming_contexts=["dc=Z"]) == ["ldap://a/ou=x,dc=y"]
    assert missing_parts([], base_dn="dc=y", naming_contexts=[]) == []
    # one without any URL says only that there is more
    assert missing_parts([(), ("ldap://a/dc=y",)], base_dn="dc=y", naming_contexts=[]) == ["", "ldap://a/dc=y"]
    # the base itself, and what is above it, is no other naming context
    above = [("ldap://a/dc=y",), ("ldap://a/ou=x,dc=y",)]
    assert missing_parts(above, base_dn="ou=x,dc=y", naming_contexts=["dc=y", "ou=x,dc=y"]) == [url for (url,) in above]
    # from the root nothing is elsewhere but what the server holds itself
    assert missing_parts([("ldap://a/dc=q",)], base_dn="", naming_contexts=["dc=y"]) == ["ldap://a/dc=q"]
    assert missing_parts([("ldap://a/dc=y",)], base_dn="not a dn", naming_contexts=["dc=y"]) == ["ldap://a/dc=y"]
