"""Whatever a client sends, valid or not, is no error of the service."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.pairs import PAIRS, pair_id
from support.postgres import find_free_port
from support.processes import UV, Run
from support.services import migrate, serve

pytestmark = pytest.mark.thorough

# In an environment of its own, because every pytest that finds it imports it as a plugin.
SCHEMATHESIS = (*UV, "tool", "run", f"--python={sys.executable}", "schemathesis@4.32.5")


@pytest.mark.parametrize("project", PAIRS, ids=pair_id, indirect=True)
def test_no_request_that_schemathesis_thinks_of_is_a_500(
    run: Run,
    project: Path,
    environment: dict[str, str],
    database_url: str,
    workshop: Path,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    migrate(run, project, database_url)
    port = find_free_port()
    tried = (
        *SCHEMATHESIS,
        "run",
        f"http://127.0.0.1:{port}/openapi.json",
        "--checks=not_a_server_error,response_schema_conformance",
        "--phases=coverage,fuzzing",
        "--max-examples=10",
        "--seed=1",
    )

    variables = environment | {"DB_URL": database_url}
    with serve(project, workshop, variables, port=port) as service:
        found = run(*tried, cwd=workshop)
        ready = service.client.get("/health/ready")

    assert found.returncode == 0, found.stdout + found.stderr
    assert ready.json() == {"status": "pass"}
    (count,) = re.findall(r"(\d+) generated", found.stdout)
    pair = request.node.callspec.id
    record_property("table", f"schemathesis: {pair}: {count} requests, no 500")
