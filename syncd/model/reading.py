"""How a directory is asked, and how sure the answer is.

A read is never just "over": it ends with a verdict. Only a complete one may remove anything (invariant 3); everything else
is unknown, which is a third state beside present and absent.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Scope(enum.StrEnum):
    """Search scope (RFC 4511 section 4.5.1.2)."""

    BASE = "base"
    ONE = "one"
    SUB = "sub"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One paged search."""

    # what it is for, in messages: "users", "roles", "units"
    purpose: str
    base_dn: str
    # RFC 4515 text
    filter: str
    scope: Scope = Scope.SUB
    # attribute descriptions to return, never "*" or empty: a read asks for what the mapping needs and no more
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a read ended."""

    # every page had result 0 and its paging control, and the last cookie was empty
    complete: bool
    # entries delivered before it ended
    entries: int
    pages: int
    # code of the error class that explains an incomplete read, else None
    code: str | None = None
    # one sentence: what happened, on which server, in which phase
    reason: str = ""
    advice: str = ""
    # LDAP result code (RFC 4511 appendix A) and diagnosticMessage of the last response, where there was one
    result_code: int | None = None
    server_text: str = ""
    # URLs of the continuation references met (RFC 4511 section 4.5.3); recorded, never followed
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """Who answered."""

    url: str
    # "openldap", "ds389", "active_directory", "generic"
    vendor: str
    # vendorName and vendorVersion of the rootDSE, or what stands for them; "" when the server does not say
    product: str = ""
    version: str = ""
    # TLS version and cipher, "" on a plain connection
    tls: str = ""
    naming_contexts: tuple[str, ...] = ()
    controls: frozenset[str] = field(default_factory=frozenset)
    extensions: frozenset[str] = field(default_factory=frozenset)
    capabilities: frozenset[str] = field(default_factory=frozenset)
    # the attribute that identifies an entry for good on this server, None where it has none
    entry_id_attribute: str | None = None
    # the attribute that changes whenever an entry does, as finely as this server can tell; None where nothing is known
    version_attribute: str | None = None
    # values of the rootDSE that feeds need, by attribute in lower case: dnshostname, dsservicename, highestcommittedusn,
    # currenttime, defaultnamingcontext
    facts: Mapping[str, str] = field(default_factory=dict)
