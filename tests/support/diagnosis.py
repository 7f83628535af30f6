"""What the doctor says, for the tests that provoke failures anyway."""

DIAGNOSE = """
from app.db.doctor import examine

async def diagnose():
    # The step that failed and why, or the last one.
    last = (await examine()).results[-1]
    return [last.step, last.reason]
"""
