"""What a server refuses in the middle of a request has its name, on every driver."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.pairs import PAIRS, pair_id, run_scenario
from support.processes import Run
from support.variants import Answers, Render

SCENARIO = """
from sqlalchemy.exc import DBAPIError
from app.db.errors import find_reason
from app.db.retry import is_transient

TABLES = [
    "CREATE TABLE parent (id int PRIMARY KEY, n int NOT NULL CHECK (n < 10))",
    "CREATE TABLE child (id int REFERENCES parent, during int4range,"
    " EXCLUDE USING gist (during WITH &&))",
    "INSERT INTO parent VALUES (1, 0), (2, 0)",
    "INSERT INTO child VALUES (1, '[1,5]')",
]
STATEMENTS = {
    "unique": "INSERT INTO parent VALUES (1, 1)",
    "foreign key, no parent": "INSERT INTO child VALUES (3, '[8,9]')",
    "foreign key, a child": "DELETE FROM parent WHERE id = 1",
    "not null": "INSERT INTO parent VALUES (3, NULL)",
    "check": "INSERT INTO parent VALUES (3, 10)",
    "exclusion": "INSERT INTO child VALUES (2, '[3,7]')",
    "too large": "INSERT INTO parent VALUES (9999999999, 0)",
    "no such table": "SELECT * FROM nowhere",
    "no such column": "SELECT nothing FROM parent",
    "a mistake": "SELECT 1 +",
    "a value": "SELECT CAST('x' AS int)",
}
IN_TRANSACTION = {
    "statement timeout": ["SET LOCAL statement_timeout = 50", "SELECT pg_sleep(60)"],
    "read-only": ["SET TRANSACTION READ ONLY", "DELETE FROM child"],
    "no privilege": ["SET LOCAL ROLE pg_monitor", "DELETE FROM child"],
}

async def execute(*statements):
    async with get_session() as session:
        for statement in statements:
            await session.execute(text(statement))

async def wait_for_a_lock():
    async with get_session() as session:
        await session.execute(text("UPDATE parent SET n = 1 WHERE id = 1"))
        await execute("SET LOCAL lock_timeout = 50", "DELETE FROM parent WHERE id = 1")

async def change_what_was_read():
    async with get_session() as session:
        isolate = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
        await session.execute(text(isolate))
        await session.execute(text("SELECT * FROM parent"))
        await execute("UPDATE parent SET n = n + 1")
        await session.execute(text("UPDATE parent SET n = n + 1"))

async def cross():
    order.append(len(order) + 1)
    mine = order[-1]
    async with get_session() as session:
        update = "UPDATE parent SET n = 2 WHERE id = :id"
        await session.execute(text(update), {"id": mine})
        locked.append(mine)
        while len(locked) < 2:
            await sleep(0.01)
        await session.execute(text(update), {"id": 3 - mine})

async def attempt(function, *arguments):
    try:
        await function(*arguments)
    except DBAPIError as error:
        return [find_reason(error), is_transient(error)]

async def attempt_to_cross():
    return await attempt(cross)

order, locked = [], []

async def main():
    await execute(*TABLES)
    found = {name: await attempt(execute, said) for name, said in STATEMENTS.items()}
    for name, statements in IN_TRANSACTION.items():
        found[name] = await attempt(execute, *statements)
    found["lock timeout"] = await attempt(wait_for_a_lock)
    found["serialization"] = await attempt(change_what_was_read)
    found["deadlock"] = max(await together(attempt_to_cross, 2), key=bool)
    await dispose_engine()
    emit(found)
"""


@pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
def test_what_is_refused_has_its_name(
    run: Run,
    render: Render,
    database_url: str,
    answers: Answers,
    record_property: Callable[[str, object], None],
) -> None:
    project: Path = render(**answers)

    found = run_scenario(run, project, SCENARIO, DB_URL=database_url)

    for name, outcome in found.items():
        reason = outcome[0] or "a fault in the code"
        line = f"refused statements: {pair_id(answers)}: {name}: {reason}"
        record_property("table", line)
    assert found == {
        "unique": ["unique_violation", False],
        "foreign key, no parent": ["foreign_key_violation", False],
        "foreign key, a child": ["foreign_key_violation", False],
        "not null": ["not_null_violation", False],
        "check": ["check_violation", False],
        "exclusion": ["exclusion_violation", False],
        "too large": ["invalid_value", False],
        "no such table": ["schema_mismatch", False],
        "no such column": ["schema_mismatch", False],
        "a mistake": [None, False],
        "a value": [None, False],
        "statement timeout": ["statement_timeout", False],
        "read-only": ["read_only", False],
        "no privilege": ["permission_denied", False],
        "lock timeout": ["lock_timeout", True],
        "serialization": ["serialization_failure", True],
        "deadlock": ["deadlock_detected", True],
    }
