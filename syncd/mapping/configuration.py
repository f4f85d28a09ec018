"""What of the configuration decides who is read and what they become, as one hash.

A changed base, filter, scope, mapping or id attribute makes the directory look like another company: people who were never in
scope arrive, others seem to have left. The store remembers the hash it was made with, so that such a run is known for what it
is (PITFALLS of other systems: the cursor was kept and the old people stayed, or all were removed by a typo in a filter).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from syncd.model.attributes import canonical_attribute
from syncd.settings.directory import DirectorySettings

# raised when the same settings come to mean something else
_VERSION = 1
_DECISIVE = {"base_dn", "organization", "users", "roles", "units"}


def configuration_digest(settings: DirectorySettings, custom_fields: Mapping[str, str], *, entry_id_attribute: str) -> bytes:
    """16 bytes. `entry_id_attribute`: the site's, or the server's."""
    decisive = settings.model_dump(mode="json", by_alias=True, include=_DECISIVE)
    values = [_VERSION, decisive, dict(custom_fields), canonical_attribute(entry_id_attribute)]
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
