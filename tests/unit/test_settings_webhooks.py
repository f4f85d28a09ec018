"""What a webhook's settings may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.errors import ConfigurationError
from syncd.settings.load import load

GOOD = 'url = "https://hr.example.com/x?k=1"\nsecret = "0123456789abcdef"\n'


def problems(folder: Path, text: str) -> str:
    """What is said of a webhook called hr."""
    file = folder / "syncd.toml"
    file.write_text(f"[webhooks.hr]\n{text}")
    file.chmod(0o600)
    try:
        load(file, {})
    except ConfigurationError as error:
        return "\n".join(error.problems)
    return ""


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        'types = ["user.*"]\n',
        'url = "http://127.0.0.1:8081/"\nsecret = "0123456789abcdef"\n',
        'url = "http://[::1]/"\nsecret = "0123456789abcdef"\n',
        'url = "http://hr.example.com/"\nsecret = "0123456789abcdef"\nplain_http = true\n',
        GOOD + 'types = ["access.revoked", "user.*", "*"]\ntimeout = "3s"\nmax_delay = "10m"\n',
    ],
)
def test_what_will_do(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('url = "https://hr.example.com/"\n', "webhooks.hr.secret: is missing, and url is set"),
        ('url = "http://hr.example.com/"\nsecret = "0123456789abcdef"\n', "webhooks.hr.url: must be https://"),
        ('url = "ftp://hr.example.com/"\nsecret = "0123456789abcdef"\n', "webhooks.hr.url: "),
        ('url = "https://anna:pw@hr.example.com/"\nsecret = "0123456789abcdef"\n', "carries no credentials"),
        ('url = "https://hr.example.com/"\nsecret = "short"\n', "webhooks.hr.secret: "),
        ('url = "https://hr.example.com/"\nsecret = "whsec_not base64!!"\n', "webhooks.hr.secret: is not base64"),
        (GOOD + 'types = ["user"]\n', "is no type of event"),
        (GOOD + 'types = ["acess.*"]\n', "'acess.*' is no type of event"),
        (GOOD + 'ca_file = "/nowhere/ca.pem"\n', "/nowhere/ca.pem does not exist"),
        (GOOD + "retries = 3\n", "webhooks.hr.retries"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    found = problems(tmp_path, text)
    assert said in found
    assert "0123456789abcdef" not in found
