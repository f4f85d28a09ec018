"""The changes of a held plan as one compressed document: each a JSON list on a line of its own.

Both ways are streams, so that the 200,000 changes of a fault never stand in memory as text or as rows.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator

from syncd.errors import StoreError
from syncd.model.hold import ChangeRow
from syncd.store.types import from_json_form, to_json

# bytes of text at a time
CHUNK = 64 * 1024
# what DNs and values may have that UTF-8 has not
_SURROGATES = "surrogatepass"


def pack(changes: Iterable[ChangeRow]) -> tuple[bytes, int]:
    """The document, and how many changes it has."""
    compressor, document, count = zlib.compressobj(), bytearray(), 0
    for change in changes:
        document += compressor.compress(f"{to_json(change)}\n".encode(errors=_SURROGATES))
        count += 1
    document += compressor.flush()
    return bytes(document), count


def unpack(document: bytes) -> Iterator[ChangeRow]:
    """The changes in their order. Raises StoreError where the document is damaged."""
    try:
        for line in _lines(document):
            kind, action, number, name, field, before, after, rule = json.loads(line.decode(errors=_SURROGATES))
            yield ChangeRow(kind, action, number, name, field, from_json_form(before), from_json_form(after), rule)
    except (zlib.error, ValueError, TypeError, KeyError) as error:
        raise StoreError("the stored changes of a held plan are damaged", advice="`syncd db check` names the plan.") from error


def _lines(document: bytes) -> Iterator[bytes]:
    decompressor, rest = zlib.decompressobj(), b""
    while not decompressor.eof:
        text = decompressor.decompress(document, CHUNK)
        if not (text or decompressor.unconsumed_tail or decompressor.eof):
            raise ValueError("the document ends too early")
        document = decompressor.unconsumed_tail
        *lines, rest = (rest + text).split(b"\n")
        yield from lines
    if rest:
        raise ValueError("the last line has no end")
