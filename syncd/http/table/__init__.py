"""The table of all routes, a module for each family."""

from __future__ import annotations

from syncd.http.routing import Route
from syncd.http.table import actions, directories, events, keys, login, mails, me, passwords, structure, sync, userlists, users

ROUTES: tuple[Route, ...] = (
    *sync.ROUTES,
    *users.ROUTES,
    *userlists.ROUTES,
    *structure.ROUTES,
    *login.ROUTES,
    *passwords.ROUTES,
    *actions.ROUTES,
    *keys.ROUTES,
    *me.ROUTES,
    *directories.ROUTES,
    *events.ROUTES,
    *mails.ROUTES,
)
