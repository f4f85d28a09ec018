"""Why the routes of several families answer 409, in the words of the OpenAPI document."""

from __future__ import annotations

TAKEN = {409: "Another one is called so."}
USED = {409: "Something still needs it, or a directory or the configuration decides about it."}
