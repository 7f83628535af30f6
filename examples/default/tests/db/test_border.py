"""`engine/` takes values: it imports nothing above it, and no framework."""

import ast
from pathlib import Path

from app.db import engine

# The package itself too: modules beside each other are imported with a dot.
ABOVE = {"fastapi", "pydantic", "pydantic_settings", "starlette"}
ABOVE.add(engine.__name__.partition(".")[0])


def test_the_engine_room_knows_neither_settings_nor_fastapi() -> None:
    modules = list(Path(engine.__file__).parent.glob("*.py"))

    imported = set()
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                # One dot is a module beside it, two are one above.
                assert node.level <= 1, module.name
                imported |= {(node.module or "").partition(".")[0]} - {""}

    assert "sqlalchemy" in imported
    assert not imported & ABOVE
