"""Sending a message to a webhook's receiver: the one place that speaks HTTP to the outside.

aiohttp does it, in a loop that lives inside one call, so that to everybody else sending is a blocking call. Nothing is believed
but the status: redirects are not followed, since they would carry people's data wherever the receiver points, and what the
receiver answers is neither read nor kept.
"""

from __future__ import annotations

import ssl

import aiohttp

import syncd
from syncd.errors import WebhookError
from syncd.model.webhook import Message
from syncd.notify.loop import own_loop


class HttpCourier:
    """`Courier` of services.webhooks."""

    def deliver(self, message: Message) -> None:
        """Raises WebhookError unless the receiver says that it has it (2xx)."""
        try:
            with own_loop() as runner:
                status = runner.run(_post(message))
        except TimeoutError as error:
            raise WebhookError(f"no answer within {message.timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise WebhookError(_what(error)) from error
        if not 200 <= status < 300:
            raise WebhookError(f"the receiver answered {status}")


async def _post(message: Message) -> int:
    timeout = aiohttp.ClientTimeout(total=message.timeout)
    headers = {"User-Agent": f"syncd/{syncd.__version__}", "Content-Type": "application/json", **message.headers}
    tls = _context(message.ca_file) if message.ca_file else True
    async with (
        aiohttp.ClientSession(timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.post(message.url, data=message.body, headers=headers, allow_redirects=False, ssl=tls) as response,
    ):
        return response.status


def _context(ca_file: str) -> ssl.SSLContext:
    """Raises WebhookError for a file that is none."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no file of certificates (PEM)"
        raise WebhookError(f"the webhook's ca_file {ca_file} cannot be used: {why}") from error


def _what(error: Exception) -> str:
    """Without the address, which may have a secret in it."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "the receiver's certificate or TLS was not accepted"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or type(error.os_error).__name__}"
    return f"the connection failed: {type(error).__name__}"
