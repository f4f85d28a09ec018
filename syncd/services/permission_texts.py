"""What each of syncd's own permissions lets somebody do, in a sentence for whoever gives them."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.model.permission import Permission

_P = Permission
_SENTENCES = {
    _P.RUNS_READ: "Look at runs of the sync.",
    _P.RUNS_WRITE: "Ask for a sync.",
    _P.PLANS_READ: "Look at held plans.",
    _P.PLANS_DECIDE: "Approve or reject held plans.",
    _P.DIRECTORIES_CHECK: "Check the connections to directories.",
    _P.USERS_READ: "List and view users.",
    _P.USERS_WRITE: "Create users and edit them, with their roles, organizations and units.",
    _P.USERS_DELETE: "Delete manual users.",
    _P.USERS_STATE: "Enable, disable and activate users.",
    _P.USERS_PASSWORD: "Change and reset passwords, and send invitations.",
    _P.USERS_LINK: "Link entries of directories to users, and unlink them.",
    _P.SESSIONS_READ: "List the sessions of users.",
    _P.SESSIONS_END: "End sessions of users.",
    _P.KEYS_READ: "List the API keys of users.",
    _P.KEYS_WRITE: "Make and revoke API keys of users.",
    _P.ROLES_READ: "List and view roles, permissions and role identifiers.",
    _P.ROLES_WRITE: "Create, edit and delete roles that give no more than one's own.",
    _P.GROUPS_READ: "List and view groups and who is in them.",
    _P.GROUPS_WRITE: "Create, edit and delete groups, and say who is in them.",
    _P.STRUCTURE_READ: "List and view organizations and units.",
    _P.STRUCTURE_WRITE: "Create, edit, enable, disable and delete organizations and units.",
    _P.RECORDS_WRITE: "Register which records of another system a user owns.",
    _P.ACCESS_READ: "Ask whether somebody can log in, and what they may do.",
    _P.AUDIT_READ: "Search the audit trail and the login attempts.",
    _P.EVENTS_READ: "Follow the events.",
    _P.EXPORT: "Export users.",
    _P.WEBHOOKS_WRITE: "Give up on a delivery that blocks a webhook.",
    _P.MAIL_READ: "Look at mail that waits or failed.",
    _P.MAIL_WRITE: "Have mail that waits or failed sent again.",
}
# by name, as roles hold them
SENTENCES: Mapping[str, str] = {permission.value: sentence for permission, sentence in _SENTENCES.items()}
