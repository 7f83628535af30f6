"""TLS: a server is trusted as far as the URL says, and a remote one has to prove it."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.diagnosis import DIAGNOSE
from support.pairs import PAIRS, pair_id, run_scenario
from support.postgres import PASSWORD, USER
from support.processes import Run
from support.tls_server import HOST, Front, Hello, Servers, run_front
from support.variants import Answers, Render

# One worker starts the servers.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("tls")]
of_each_pair = pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
Record = Callable[[str, object], None]


class Case(NamedTuple):
    """A way to connect, and what has to come of it."""

    query: str
    expected: str
    ca: str = "right"
    environment: str = "development"
    server: str = "valid"
    host: str = HOST
    password: str = PASSWORD


OTHER_HOST = "other.example.test"
NEON = "sslmode=require&channel_binding=require"

CASES = {
    "the URL asks for TLS": Case("sslmode=require", "TLS"),
    "the URL is copied from Neon": Case(NEON, "TLS"),
    "the URL says verify-full": Case("sslmode=verify-full", "TLS"),
    "the URL names the system's CAs": Case("sslmode=require&sslrootcert=system", "TLS"),
    "another CA": Case("sslmode=require", "tls", ca="other"),
    "another CA, copied from Neon": Case(NEON, "tls", ca="other"),
    "another CA, verify-ca": Case("sslmode=verify-ca", "tls", ca="other"),
    "another CA, the system's": Case("sslrootcert=system", "tls", ca="other"),
    "certifi's CAs": Case("sslmode=require", "tls", ca=""),
    "another host name": Case("sslmode=require", "tls", host=OTHER_HOST),
    "another host name, verify-ca": Case("sslmode=verify-ca", "TLS", host=OTHER_HOST),
    "an expired certificate": Case("sslmode=require", "tls", server="expired"),
    "no TLS": Case("sslmode=require", "tls", server="plain"),
    "no TLS, and none asked for": Case("", "no TLS", server="plain"),
    "production": Case("", "TLS", environment="production"),
    "production, another CA": Case("", "tls", "other", "production"),
    "production, no TLS": Case("", "tls", "right", "production", "plain"),
    "sslmode=prefer": Case("sslmode=prefer", "TLS", ca=""),
    "sslmode=disable": Case("sslmode=disable", "no TLS"),
    "another password": Case("sslmode=require", "authentication", password="other"),
}

# What the doctor finds where a connection fails, and where none does.
LAST_STEPS = {
    "tls": ["TLS", "tls"],
    "authentication": ["authentication", "authentication"],
}
SERVED = ["migrations", None]

# The rules for remote servers hold for whatever is not called `localhost`, and no other
# name resolves to loopback without a change to the machine. So libpq gets the address
# from `hostaddr` in the URL, beside the name that it verifies and sends; asyncpg has
# nothing like it, and `getaddrinfo` is replaced for the names of these tests.
STEERING = """
import socket, ssl

find = socket.getaddrinfo

def find_here(host, *rest, **more):
    ours = (".example.test", ".supabase.co")
    is_ours = isinstance(host, str) and host.endswith(ours)
    return find("127.0.0.1" if is_ours else host, *rest, **more)

socket.getaddrinfo = find_here
"""
ATTEMPTS = """
async def attempt(variables):
    os.environ.update(variables)
    get_settings.cache_clear()
    try:
        report = await check_connection()
        outcome = ["TLS" if report.is_tls else "no TLS", report.user]
    except DatabaseUnavailable as error:
        outcome = [error.reason, str(error.__cause__)]
    except Exception as error:
        outcome = [type(error).__name__, str(error)]
    finally:
        await dispose_engine()
    try:
        return [*outcome, await diagnose()]
    finally:
        await dispose_engine()

async def main():
    emit([await attempt(variables) for variables in json.loads(os.environ["CASES"])])
"""
# For who counts the connections.
NO_DIAGNOSIS = """
async def diagnose():
    return None
"""
# A name of a provider whose CA nobody else has.
SUPABASE = "db.abcdefghijkl.supabase.co"
EXPLAIN = """
from app.db.doctor import examine
from app.db.errors import describe

async def main():
    try:
        await check_connection()
    except DatabaseUnavailable as error:
        emit([describe(error), (await examine()).results[-1].message])
"""
COUNT = """
create, made = ssl.create_default_context, []

def count(*rest, **more):
    made.append(rest)
    return create(*rest, **more)

ssl.create_default_context = count

async def ask():
    async with get_engine().connect() as connection:
        return (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()

async def main():
    servers = await together(ask, 3)
    await dispose_engine()
    servers += await together(ask, 3)
    await dispose_engine()
    emit([len(set(servers)), len(made)])
"""


def build_url(answers: Answers, port: int, query: str, **place: str) -> str:
    """Return the URL of a server on loopback that goes by a name."""
    login = f"{USER}:{place.get('password', PASSWORD)}"
    address = "" if answers["driver"] == "asyncpg" else "&hostaddr=127.0.0.1"
    host = place.get("host", HOST)
    return f"postgresql://{login}@{host}:{port}/postgres?{query}{address}"


def attempt_each(
    run: Run,
    project: Path,
    home: Path,
    cases: list[dict[str, str]],
    diagnosis: str = NO_DIAGNOSIS,
) -> list[tuple[str, str, Any]]:
    """Connect with each environment, in one process.

    Returns:
        What came of it, details, and what the doctor found.
    """
    # An empty home, because the user's own could hold certificates.
    variables = {"CASES": json.dumps(cases), "HOME": str(home)}
    functions = STEERING + diagnosis + ATTEMPTS
    found: list[Any] = run_scenario(run, project, functions, **variables)
    return [tuple(each) for each in found]


@pytest.fixture
def front(servers: Servers) -> Iterator[Front]:
    """What sees how a client begins."""
    with run_front(servers) as front:
        yield front


@of_each_pair
def test_a_server_is_trusted_as_far_as_url_and_environment_say(
    run: Run,
    render: Render,
    servers: Servers,
    tmp_path: Path,
    answers: Answers,
    record_property: Record,
) -> None:
    ca_files = {"right": str(servers.ca_file), "other": str(servers.other_ca_file)}
    environments = []
    for case in CASES.values():
        port = getattr(servers, case.server)
        place = {"host": case.host, "password": case.password}
        environments.append(
            {
                "DB_URL": build_url(answers, port, case.query, **place),
                "DB_SSL_ROOT_CERT": ca_files.get(case.ca, ""),
                "ENVIRONMENT": case.environment,
            }
        )

    found = attempt_each(run, render(**answers), tmp_path, environments, DIAGNOSE)

    outcomes, diagnoses = {}, {}
    for name, (outcome, _, diagnosis) in zip(CASES, found, strict=True):
        record_property("table", f"tls: {pair_id(answers)}: {name}: {outcome}")
        outcomes[name], diagnoses[name] = outcome, diagnosis
    expected = {name: case.expected for name, case in CASES.items()}
    assert outcomes == expected, dict(zip(CASES, found, strict=True))
    assert diagnoses == {name: LAST_STEPS.get(expected[name], SERVED) for name in CASES}


@of_each_pair
def test_production_contacts_nobody_when_the_url_forbids_tls(
    run: Run, render: Render, tmp_path: Path, answers: Answers, record_property: Record
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = build_url(answers, listener.getsockname()[1], "sslmode=disable")
        production = {"DB_URL": url, "ENVIRONMENT": "production"}

        found = attempt_each(run, render(**answers), tmp_path, [production])

        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    ((outcome, message, _),) = found
    name = "production, sslmode=disable"
    record_property("table", f"tls: {pair_id(answers)}: {name}: {outcome}")
    assert outcome == "SettingsError"
    assert message.startswith("DB_URL has sslmode=disable: ")


@pytest.mark.parametrize("negotiation", ["postgres", "direct"])
@of_each_pair
def test_a_proxy_learns_the_host_name_and_the_protocol(
    run: Run,
    render: Render,
    front: Front,
    tmp_path: Path,
    answers: Answers,
    negotiation: str,
    record_property: Record,
) -> None:
    query = f"sslmode=require&sslnegotiation={negotiation}"
    url = build_url(answers, front.port, query)
    variables = {"DB_URL": url, "DB_SSL_ROOT_CERT": str(front.servers.ca_file)}

    found = attempt_each(run, render(**answers), tmp_path, [variables])

    name = f"sslnegotiation={negotiation}"
    record_property("table", f"tls: {pair_id(answers)}: {name}: {found[0][0]}")
    assert found == [("TLS", USER, None)]
    assert front.hellos == [Hello(negotiation == "direct", HOST, "postgresql")]


@of_each_pair
def test_a_provider_with_a_ca_of_its_own_is_named_in_one_sentence(
    run: Run, render: Render, servers: Servers, tmp_path: Path, answers: Answers
) -> None:
    url = build_url(answers, servers.valid, "sslmode=require", host=SUPABASE)

    project, variables = render(**answers), {"DB_URL": url, "HOME": str(tmp_path)}
    logged, shown = run_scenario(run, project, STEERING + EXPLAIN, **variables)

    for message in (logged, shown):
        assert message.startswith(
            "tls: Supabase signs its servers with a CA of its own"
        )
        assert "set DB_SSL_ROOT_CERT to the file" in message


@pytest.mark.parametrize(
    "answers", [pair for pair in PAIRS if pair["driver"] == "asyncpg"], ids=pair_id
)
def test_a_process_reads_the_certificates_once(
    run: Run, render: Render, servers: Servers, answers: Answers
) -> None:
    variables = {
        "DB_URL": build_url(answers, servers.valid, "sslmode=require"),
        "DB_SSL_ROOT_CERT": str(servers.ca_file),
    }

    connections, contexts = run_scenario(
        run, render(**answers), STEERING + COUNT, **variables
    )

    assert connections == 6
    assert contexts == 1
