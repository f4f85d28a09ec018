"""Distinguished names: one spelling for every name that is the same.

Servers return a DN as it was once written, and groups name their members as somebody else wrote them: `cn=Smith\\, J` and
`CN = "Smith, J"` are one entry. All comparing, looking up and cutting of DNs is done on the normal form this module makes,
the DN's *key*:

- attribute types in lower case, by their short names (`OID.2.5.4.3` and `commonName` are `cn`);
- values unescaped, NFC, case folded, outer spaces gone and inner ones squeezed to one (caseIgnoreMatch, near enough);
- the parts of a multi-valued RDN in sorted order;
- whatever is special escaped as `\\` and two hexadecimal digits, so that every comma of a key separates two RDNs, and the
  parent of a key is what follows its first comma.

Parsing follows RFC 4514 and is lenient where servers and people are (RFC 2253 section 4): spaces around separators,
quoted values, `;` for `,`, an `OID.` prefix. What is ambiguous is refused. The key is for comparing, not for showing and not
for sending: it need not be the case the server stores.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from syncd.model.attributes import canonical_attribute


class InvalidDN(ValueError):
    """The text is not a distinguished name."""


class AVA(NamedTuple):
    """An attribute value assertion, `cn=Smith`: what an RDN is made of."""

    # canonical attribute name
    type: str
    # unescaped text; bytes for a `#hex` value that holds no text
    value: str | bytes


RDN = tuple[AVA, ...]

# An RDN of a usual type with nothing in it to unescape and no space at the end of its value.
_plain = re.compile(
    r"(?:cn|CN|uid|UID|ou|OU|dc|DC|o|O|l|L|st|ST|c|C)="
    r"[^\x00-\x20\x7f\"#+,;<=>\\][^\x00-\x1f\x7f\"+,;<>\\]*+(?<! )"
).fullmatch
# An RDN of one value, by the letter of RFC 4514, and its separator.
_single = re.compile(
    r'([A-Za-z][A-Za-z0-9-]*+)=(?! *#)((?:[^\0"+,;<>\\]|\\[ "#+,;<=>\\]|\\[0-9A-Fa-f]{2})*+)(?:,|\Z)', re.DOTALL
).match
# Possessive, so that no text, however odd, makes them slow.
_RDN_TEXT = re.compile(r'(?:[^\\",;]|\\.|"(?:[^"\\]|\\.)*+")*+', re.DOTALL)
_AVA_TEXT = re.compile(r'(?:[^\\"+]|\\.|"(?:[^"\\]|\\.)*+")*+', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_TYPE = re.compile(r"(?:oid\.)?([a-z][a-z0-9-]*|\d+(?:\.\d+)*)", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?![0-9a-fA-F]{2})(.)|((?:\\[0-9a-fA-F]{2})+)", re.DOTALL)
_TO_ESCAPE = re.compile(r'[\x00-\x1f\x7f"+,;<>\\]|\A[ #]|[ ]\Z')
_ESCAPED = {chr(code): f"\\{code:02x}" for code in range(128)}
_UNESCAPED = re.compile(r'(?:[^\\"<>]|\\.)*+(["<>])', re.DOTALL)
_SPACES = " \t\r\n"
# Longer names are normalised without the memory of parents, and so without recursion.
_LONG = 512
# BER tags of strings (X.680): OCTET STRING, UTF8String, NumericString, PrintableString, IA5String, VisibleString
_TEXT_TAGS = frozenset(b"\x04\x0c\x12\x13\x16\x1a")


# ---------------------------------------------------------------- the key
def normalize(text: str) -> str:
    """The DN's normal form, its key; "" for the empty DN. Raises InvalidDN.

    Called a million times in a run, mostly with siblings: the parent's key is remembered, the RDN costs one match.
    """
    head, comma, tail = text.partition(",")
    if _plain(head) is None or len(tail) > _LONG:
        return _normalize_any(text)
    if not head.isascii() or "  " in head:
        name, _, value = head.partition("=")
        head = f"{name.lower()}={_value_key(value)}"
    else:
        head = head.lower()
    return f"{head},{_parent(tail)}" if comma else head


def parent_key(key: str) -> str:
    """The key of the entry above; "" above a single RDN."""
    return key.partition(",")[2]


def is_under(key: str, base_key: str) -> bool:
    """Whether the first key lies below the second, at any depth; nothing is under itself, all is under ""."""
    return key.endswith("," + base_key) if base_key else key != ""


def ancestors(key: str) -> Iterator[str]:
    """The keys above, nearest first, without ""."""
    while key := parent_key(key):
        yield key


@lru_cache(maxsize=16_384)
def _parent(text: str) -> str:
    key = normalize(text)
    if not key:
        raise InvalidDN("a DN must not end with a comma")
    return key


def _normalize_any(text: str) -> str:
    if len(text) > _LONG:
        return ",".join(map(_rdn_key, parse(text)))
    if not text.strip(_SPACES):
        return ""
    match = _single(text)
    if match is not None:
        head = f"{canonical_attribute(match[1])}={_value_key(_unescape(match[2]))}"
        rest = text[match.end() :] if match.end() > match.end(2) else None
    else:
        rdn, rest = _split(text)
        head = _rdn_key(_parse_rdn(rdn))
    return head if rest is None else f"{head},{_parent(rest)}"


def _rdn_key(rdn: RDN) -> str:
    return "+".join(sorted(f"{ava.type}={_value_key(ava.value)}" for ava in rdn))


def _value_key(value: str | bytes) -> str:
    if isinstance(value, bytes):
        return "#" + value.hex()
    if value.isascii():
        return escape_value(" ".join(value.lower().split()))
    _require_text(value)
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", value).casefold())
    return escape_value(" ".join(folded.split()))


# ---------------------------------------------------------------- reading
def parse(text: str) -> tuple[RDN, ...]:
    """The RDNs, nearest first, types canonical and values as they were written. Raises InvalidDN."""
    rdns: list[RDN] = []
    rest: str | None = text if text.strip(_SPACES) else None
    while rest is not None:
        rdn, rest = _split(rest)
        rdns.append(_parse_rdn(rdn))
    return tuple(rdns)


def first_rdn(text: str) -> RDN:
    """The first RDN; () for the empty DN. Raises InvalidDN."""
    head = text.partition(",")[0]
    if head.isascii() and _plain(head):
        name, _, value = head.partition("=")
        return (AVA(name.lower(), value),)
    return _parse_rdn(_split(text)[0]) if text.strip(_SPACES) else ()


def rdn_value(text: str) -> str:
    """The (first) value of the first RDN as it was written, unescaped; "" for the empty DN. Raises InvalidDN."""
    rdn = first_rdn(text)
    if not rdn:
        return ""
    value = rdn[0].value
    return "#" + value.hex() if isinstance(value, bytes) else value


def escape_value(value: str) -> str:
    """A value as it may stand in a DN (RFC 4514 section 2.4), escaped by hexadecimal pairs throughout."""
    return _TO_ESCAPE.sub(lambda match: _ESCAPED[match[0]], value)


def _split(text: str) -> tuple[str, str | None]:
    """The first RDN's text and what follows its separator, None at the end."""
    match = _RDN_TEXT.match(text)
    end = match.end() if match else 0
    if end == len(text):
        return text, None
    if text[end] not in ",;":
        raise InvalidDN(f"unpaired {text[end]!r} in {_excerpt(text)}")
    return text[:end], text[end + 1 :]


def _parse_rdn(text: str) -> RDN:
    avas = []
    position = -1
    while position < len(text):
        match = _AVA_TEXT.match(text, position + 1)
        assert match is not None  # it matches the empty string
        avas.append(_parse_ava(match[0]))
        position = match.end()
    return tuple(avas)


def _parse_ava(text: str) -> AVA:
    name, equals, value = text.partition("=")
    match = _TYPE.fullmatch(name.strip(_SPACES))
    if not equals or match is None:
        raise InvalidDN(f"an attribute type and = expected at {_excerpt(text)}")
    return AVA(canonical_attribute(match[1]), _parse_value(_strip(value)))


def _strip(value: str) -> str:
    """Without the spaces around it, but with one that is escaped."""
    value = value.lstrip(" ")
    bare = value.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return bare + value[len(bare) : len(bare) + 1] if backslashes % 2 else bare


def _parse_value(text: str) -> str | bytes:
    if text.startswith("#"):
        return _parse_hex(text)
    quoted = _QUOTED.fullmatch(text)
    bad = None if quoted else _UNESCAPED.match(text)
    if bad:
        raise InvalidDN(f"{bad[1]!r} must be escaped in {_excerpt(text)}")
    return _unescape(quoted[1] if quoted else text)


def _unescape(text: str) -> str:
    if "\0" in text:
        raise InvalidDN(f"a NUL must be escaped in {_excerpt(text)}")
    _require_text(text)
    try:
        return _ESCAPE.sub(_unescape_one, text) if "\\" in text else text
    except UnicodeDecodeError as error:
        raise InvalidDN(f"the value {_excerpt(text)} is not UTF-8") from error


def _unescape_one(match: re.Match[str]) -> str:
    special, pairs = match.groups()
    if pairs:
        return bytes.fromhex(pairs.replace("\\", "")).decode()
    if special not in ' "#+,;<=>\\':
        raise InvalidDN(f"{_excerpt(match[0])} is not an escape")
    return str(special)


def _require_text(text: str) -> None:
    """Refuse lone surrogates: they cannot be stored, nor come from a directory that keeps to the protocol."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidDN(f"{_excerpt(text)} is not Unicode text") from error


def _parse_hex(text: str) -> str | bytes:
    """A `#` value is the BER encoding of the value (RFC 4514 section 2.4): the text in it, where it is a string's."""
    if not re.fullmatch(r"#(?:[0-9a-fA-F]{2})++", text):
        raise InvalidDN(f"{_excerpt(text)} is not hexadecimal")
    raw = bytes.fromhex(text[1:])
    if len(raw) >= 2 and raw[0] in _TEXT_TAGS and raw[1] == len(raw) - 2 < 0x80:
        try:
            return raw[2:].decode()
        except UnicodeDecodeError:
            return raw
    return raw


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
