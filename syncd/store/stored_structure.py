"""What the store holds of one directory beside people, as its runs see it."""

from __future__ import annotations

from sqlalchemy import Connection, select

from syncd.model.records import OrganizationRecord, RoleIdentifierRecord, UnitRecord
from syncd.services.ports_store import StoredStructure
from syncd.store import schema as t


def load_structure(connection: Connection, directory: str) -> StoredStructure:
    """Empty for an unknown directory."""
    mine = t.directories.c.name == directory
    d = t.directories.c
    row = connection.execute(select(d.id, d.relations_digest, d.config_digest, d.groups_version).where(mine)).one_or_none()
    number, digest, config_digest, groups_version = row if row is not None else (0, None, None, None)
    organizations, units = _organizations_and_units(connection, number)
    return StoredStructure(
        organizations=organizations,
        units=units,
        role_identifiers=_role_identifiers(connection, number),
        roles=frozenset(connection.scalars(select(t.roles.c.name))),
        relations_digest=digest,
        config_digest=config_digest,
        groups_version=groups_version,
    )


def _organizations_and_units(
    connection: Connection, number: int
) -> tuple[dict[str, OrganizationRecord], dict[str, UnitRecord]]:
    sources, units = t.organization_sources.c, t.units.c
    rows = connection.execute(
        select(sources.external_key, sources.name, sources.organization_id).where(sources.directory_id == number)
    ).all()
    keys = {organization_id: key for key, _, organization_id in rows}
    organizations = {key: OrganizationRecord(key=key, name=name) for key, name, _ in rows}
    found = connection.execute(
        select(units.id, units.external_key, units.name, units.organization_id, units.parent_id).where(
            units.directory_id == number
        )
    ).all()
    unit_keys = {row.id: row.external_key for row in found}
    records = {
        row.external_key: UnitRecord(
            key=row.external_key,
            name=row.name,
            organization=keys.get(row.organization_id, ""),
            parent=unit_keys.get(row.parent_id),
        )
        for row in found
    }
    return organizations, records


def _role_identifiers(connection: Connection, number: int) -> dict[str, RoleIdentifierRecord]:
    identifiers = t.role_identifiers.c
    query = select(identifiers.external_key, identifiers.identifier, identifiers.dn)
    rows = connection.execute(query.where(identifiers.directory_id == number))
    return {key: RoleIdentifierRecord(key=key, identifier=identifier, dn=dn) for key, identifier, dn in rows}
