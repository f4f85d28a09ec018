"""What goes out and did not arrive: mail, events, exports."""

from __future__ import annotations

from syncd.errors.base import SyncdError, UsageError
from syncd.errors.people import ConflictError


class MailError(SyncdError):
    """The mail server did not take the mail."""

    code, http_status, exit_code, retryable = "mail_failed", 503, 75, True
    advice = "`syncd check --connect` says what the mail server answers."


class MailUnavailableError(MailError):
    """The mail server cannot be reached."""

    code = "mail_unavailable"


class MailTlsError(MailError):
    """The connection to the mail server cannot be encrypted as configured."""

    code, retryable = "mail_tls", False
    advice = "Check `mail.security`, `mail.ca_file`, and the certificate of the mail server."


class MailLoginError(MailError):
    """The mail server does not let syncd log in."""

    code, retryable = "mail_login", False
    advice = "Check `mail.username` and `mail.password`."


class MailDeferredError(MailError):
    """The mail server does not take this mail now."""

    code = "mail_deferred"


class MailUncertainError(MailError):
    """The mail server may have taken the mail, or not."""

    code = "mail_uncertain"


class MailRefusedError(MailError):
    """The mail server will never take this mail."""

    code, retryable = "mail_refused", False
    advice = "Check the address of the person; `syncd mail retry` sends the mail again."


class MailAddressError(MailRefusedError):
    """This is no address for mail."""

    code, http_status, exit_code = "mail_address", 422, 2


class MailMootError(MailError):
    """The link that the mail was to bring is no longer valid."""

    code, retryable = "mail_moot", False
    advice = "Reset the password, or invite the person, again."


class MailOffError(UsageError):
    """No mail server is configured."""

    code, exit_code = "mail_off", 78
    advice = "Set `mail.host` and `mail.sender`."


class WebhookError(SyncdError):
    """A webhook's receiver has not taken a delivery."""

    code, http_status, exit_code, retryable = "webhook_failed", 503, 75, True
    advice = "Look at the receiver: the delivery is repeated until it is answered with 2xx."


class WebhookNotBlockedError(ConflictError):
    """There is no failing delivery to a webhook that could be given up."""

    code = "webhook_not_blocked"
    advice = "Only a delivery that has failed can be given up: `syncd webhooks list` shows how each webhook stands."


class ExportStateError(ConflictError):
    """The export is not finished, or its file is gone."""

    code = "export_not_ready"
    advice = "Wait until `GET /api/v1/exports/{id}` says `finished`; if it failed or its file is gone, ask for a new one."


class ExportFieldError(ConflictError):
    """There is no such field to export."""

    code = "export_field"
    advice = "docs/export.md has all fields; custom fields are called custom.NAME."
