"""Draw what the doctor prints: `docs/doctor*.svg`, of real servers and real failures."""

import sys
import tempfile
from pathlib import Path

import pexpect
from rich.text import Text

from render_example import render
from support.pictures import write_svg
from support.postgres import PASSWORD, USER, administer
from support.processes import inherited
from support.tls_server import HOST, Servers, run_servers

COLUMNS = 100
COMMAND = "python -m app.db doctor"
SUPABASE = "db.abcdefghijklmnopqrst.supabase.co"


def main() -> None:
    """Render the default answers, run the doctor in a terminal, and draw it."""
    with tempfile.TemporaryDirectory() as folder, run_servers() as servers:
        project = Path(folder, "project")
        render(project)
        ca_file = str(servers.ca_file)
        with administer(servers.folder, servers.valid) as admin:
            admin.execute(f"GRANT CREATE ON SCHEMA public TO {USER}".encode())
        url = build_url(servers)
        migrate = [sys.executable, "-m", "alembic", "upgrade", "head"]
        run(project, migrate, DB_URL=url, DB_SSL_ROOT_CERT=ca_file)
        draw("doctor", project, DB_URL=url, DB_SSL_ROOT_CERT=ca_file)
        wrong = build_url(servers, password="mistyped")
        draw("doctor-password", project, DB_URL=wrong, DB_SSL_ROOT_CERT=ca_file)
        draw("doctor-certificate", project, DB_URL=build_url(servers, host=SUPABASE))


def build_url(servers: Servers, *, host: str = HOST, password: str = PASSWORD) -> str:
    """Return the URL of a server on loopback that goes by a name."""
    place = f"{host}:{servers.valid}/postgres"
    query = "sslmode=require&hostaddr=127.0.0.1"
    return f"postgresql://{USER}:{password}@{place}?{query}"


def draw(name: str, project: Path, **variables: str) -> None:
    """Write what the doctor prints in a terminal as an SVG."""
    doctor = [sys.executable, "-m", "app.db", "doctor"]
    printed = run(project, doctor, **variables)
    # What a step shows while it runs is overwritten.
    lines = [line.rpartition("\x1b[K")[2] for line in printed.split("\r\n")]
    write_svg(name, COMMAND, Text.from_ansi("\n".join(lines)), COLUMNS)


def run(project: Path, command: list[str], **variables: str) -> str:
    """Run a command in a terminal, and return what it prints."""
    environment = inherited() | variables | {"COLUMNS": str(COLUMNS)}
    program, *arguments = command
    terminal = pexpect.spawn(
        program,
        arguments,
        cwd=str(project),
        env=environment,
        dimensions=(40, COLUMNS),
        encoding="utf-8",
        timeout=60,
    )
    printed: str = terminal.read()
    return printed


if __name__ == "__main__":
    main()
