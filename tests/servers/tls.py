"""A certificate authority of the tests' own, and certificates with every fault a client must notice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of a certificate (with its chain) and of its key."""

    cert_file: Path
    key_file: Path


class Authority:
    """Issues certificates into a folder. Each instance is another authority, unknown to the others."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ca = trustme.CA()
        self._issued = 0
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    def issue(
        self, *names: str, common_name: str | None = None, expired: bool = False, not_yet: bool = False, days: int = 365
    ) -> Certificate:
        """A certificate for these host names and IP addresses; `days` until it expires, unless it has already. `not_yet`: valid
        from tomorrow on."""
        now = datetime.now(UTC)
        leaf = self._ca.issue_cert(
            *names,
            common_name=common_name,
            not_before=now + timedelta(days=1) if not_yet else now - timedelta(days=30),
            not_after=now - timedelta(days=1) if expired else now + timedelta(days=days),
        )
        self._issued += 1
        certificate = Certificate(self._folder / f"{self._issued}.pem", self._folder / f"{self._issued}.key")
        certificate.cert_file.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(certificate.key_file))
        return certificate
