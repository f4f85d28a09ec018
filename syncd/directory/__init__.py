"""The LDAP side of syncd, and the only importer of ldap3.

`LdapDirectory` implements the port `Directory`: connect, bind, read, with a verdict on every read. `probe` is what a check
shows of one server.
"""

from __future__ import annotations

from syncd.directory.authenticate import LdapAuthenticator
from syncd.directory.probe import probe
from syncd.directory.session import LdapDirectory

__all__ = ["LdapAuthenticator", "LdapDirectory", "probe"]
