"""Routes of what people belong to: roles, groups, organizations and units, in this order."""

from __future__ import annotations

from syncd.http.routing import Route
from syncd.http.table import groups, organizations, roles, units

ROUTES: tuple[Route, ...] = (
    *roles.ROUTES,
    *groups.ROUTES,
    *organizations.ROUTES,
    *units.ROUTES,
)
