"""A running daemon over a store with some of everything, for whoever tries the whole API.

`python -m tests.functional.api_site ARGUMENTS` runs schemathesis against one by hand, for as long as the arguments say:
`--max-time 1800`, `--seed 1`, or what else `schemathesis run` takes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from syncd.store.migrate import upgrade
from tests.fakes.people_rows import Rows
from tests.functional.daemon_process import ROOT, TOKEN, Daemon, daemon
from tests.servers.slapd import Slapd
from tests.servers.tls import Authority

CONFIG = Path(__file__).with_name("schemathesis.toml")
PHASES = "examples,coverage,fuzzing,stateful"
# cheap hashing, any password, and no brake on those who try often: it is the API that is tried, not the patience
SETTINGS = """
[mail]
host = "127.0.0.1"
port = 1
[passwords]
min_length = 1
lower = false
upper = false
digit = false
argon2_time_cost = 1
argon2_memory = 64
argon2_parallelism = 1
[login]
per_name = 10000
per_address = 100000
refusal_time = "0s"
"""


@contextmanager
def api_site(folder: Path, *, store: str | None = None) -> Iterator[Daemon]:
    """A daemon with a directory that answers, people from it and by hand, and the operator's token."""
    store = store or f"sqlite:///{folder / 'syncd.db'}"
    authority = Authority(folder / "ca")
    with Slapd(folder / "slapd", tls=authority) as slapd:
        slapd.add_people(5, parent=slapd.add_ou("people"))
        _fill(store)
        config = folder / "syncd.toml"
        config.write_text(
            f'[store]\nurl = "{store}"\n[http]\nlisten = "127.0.0.1:0"\noperator_token = "{TOKEN}"\n[log]\nformat = "json"\n'
            f'[directories.corp]\nurls = ["{slapd.ldaps_url}"]\nbase_dn = "{slapd.base_dn}"\norganization = "Example"\n'
            f'bind_dn = "{slapd.reader_dn}"\nbind_password = "{slapd.reader_password}"\n'
            f'[directories.corp.tls]\nca_file = "{authority.ca_file}"\n' + SETTINGS
        )
        config.chmod(0o600)
        with daemon(["-m", "syncd", "--config", str(config), "run"], folder=folder) as running:
            running.until_health(lambda health: bool(health["status"] == "ok"))
            yield running


def key_of(running: Daemon, user: int) -> str:
    """A new API key of a person."""
    body = json.dumps({"organization_id": 1}).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{running.url}/api/v1/users/{user}/keys", data=body, headers=headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return str(json.load(answer)["token"])


def schemathesis(
    running: Daemon, arguments: Sequence[str], *, folder: Path, token: str = TOKEN, phases: str = PHASES
) -> tuple[int, str]:
    """Run it with every check; its exit code and what it said."""
    command = Path(sys.executable).with_name("schemathesis")
    words = [
        str(command), "--config-file", str(CONFIG), "run", f"{running.url}/openapi.json", "--no-color",
        "--header", f"Authorization: Bearer {token}", "--checks", "all", "--phases", phases, "--continue-on-failure",
        *arguments,
    ]  # fmt: skip
    log = folder / "schemathesis.log"
    with log.open("w") as file:
        code = subprocess.run(words, cwd=folder, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    return code, log.read_text()


def _fill(store: str) -> None:
    engine = open_engine(StoreSettings(url=store))
    upgrade(engine)
    rows = Rows(engine)
    organization = rows.organization("By hand")
    unit = rows.unit(organization, "Head office")
    administrator, clerk = rows.role("administrator"), rows.role("clerk")
    for number, name in enumerate(("ada", "bob", "eve")):
        user = rows.user(name, manual=True, first_name=name.title(), last_name="Example", tags=["hand"])
        rows.access(user, organization, unit)
        rows.grant(user, clerk if number else administrator)
    engine.dispose()


def main() -> int:
    """By hand."""
    with TemporaryDirectory() as name, api_site(Path(name)) as running:
        code, said = schemathesis(running, sys.argv[1:], folder=Path(name))
        sys.stdout.write(said)
        broken = [entry for entry in running.entries() if entry["event"] == "request broken"]
        sys.stdout.writelines(f"{entry}\n" for entry in broken)
    return code


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
