"""Reading what account state depends on beside the entries themselves: the directory's password policies.

A policy that may not be read, or is not there, is unknown and no error. One that could not be read because the connection broke
is an error, as it would be for any other part of a run: else people's states would come and go with the network.
"""

from __future__ import annotations

from collections.abc import Sequence

from syncd.errors import DirectoryError, MalformedResponseError, TransientDirectoryError
from syncd.mapping.account import AccountRule, account_scheme
from syncd.mapping.account_policy import AccountPolicy, account_policy, account_policy_searches
from syncd.model.entry import Entry
from syncd.model.reading import Search
from syncd.services.ports_directory import DirectorySession
from syncd.services.visibility import incomplete
from syncd.settings.directory import DirectorySettings


def account_rule(session: DirectorySession, settings: DirectorySettings) -> AccountRule:
    """How the account state of this server's people is read. Raises IncompleteReadError."""
    scheme = account_scheme(settings, session.server.vendor)
    return AccountRule.of(settings, scheme, read_policy(session, settings, scheme))


def read_policy(session: DirectorySession, settings: DirectorySettings, scheme: str) -> AccountPolicy:
    """The directory's policies, as far as the bind account sees them; two small searches at most.

    Not while a read is in progress on the session. Raises IncompleteReadError.
    """
    searches = account_policy_searches(scheme, settings, session.server)
    return account_policy(scheme, [_answer(session, search) for search in searches])


def _answer(session: DirectorySession, search: Search) -> Sequence[Entry]:
    try:
        return session.fetch(search)
    except (TransientDirectoryError, MalformedResponseError) as error:
        raise incomplete(error) from error
    except DirectoryError:
        return ()
