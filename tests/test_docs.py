"""The code in the documentation does what the text says."""

import re
from pathlib import Path

from support.pairs import run_scenario
from support.processes import Run
from support.variants import ROOT, Render

PAY_TWICE = """
import uuid
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from payments import Base, Payment, router
from app.main import app

app.include_router(router)

def pay(client, key):
    response = client.post("/payments?amount=5", headers={"Idempotency-Key": key})
    return response.status_code, response.json()

async def main():
    async with get_engine().begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await dispose_engine()
    key = str(uuid.uuid4())
    with TestClient(app) as client:
        paid = [pay(client, key), pay(client, key), pay(client, str(uuid.uuid4()))]
    async with get_engine().connect() as connection:
        count = await connection.scalar(select(func.count()).select_from(Payment))
    emit([paid, count])
"""


def test_what_is_repeated_with_the_same_key_is_done_once(
    render: Render, run: Run, database_url: str, workshop: Path
) -> None:
    text = (ROOT / "docs" / "lost-commits.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (workshop / "payments.py").write_text(code, encoding="utf-8")

    paid, count = run_scenario(
        run, render(), PAY_TWICE, DB_URL=database_url, PYTHONPATH=str(workshop)
    )

    assert paid == [[201, 1], [201, 1], [201, 3]]
    assert count == 2
