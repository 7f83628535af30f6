"""What a team does to a project that it has got from the template.

The same edits fit a render of any answers, which tells what an update has to arrive at.
"""

import re
from pathlib import Path

from support.edit_files import (
    MODEL,
    README,
    REVISION,
    ROUTE,
    ROUTER,
    SETTINGS,
    SYNC_TESTS,
    TESTS,
)
from support.hooks import write
from support.variants import Answers

# The example, a file of the team's, the first migration, tests of the layer, of which
# the last two go with an answer.
DELETED = [
    "app/notes.py",
    "tests/test_notes.py",
    ".env.example",
    "alembic/versions/0001_create_note.py",
    "tests/db/test_pool.py",
    "tests/db/test_metrics.py",
    "tests/db/test_cursor.py",
]


def edit(project: Path, answers: Answers) -> None:
    """Do to a project what its team does.

    Args:
        project: It may have been rendered with other answers.
        answers: Those for which the team has written its code.
    """
    write(project / "README.md", README)
    write(project / "app/config.py", SETTINGS)
    _replace(
        project / "app/main.py",
        {
            "from app import notes\n": "from app import orders\n",
            "from app.db import": "from app.config import settings\nfrom app.db import",
            "notes.router": "orders.router",
        },
    )
    _append(project / "app/main.py", ROUTE)
    _replace(
        project / "pyproject.toml",
        {
            '"0.1.0"': '"0.2.0"',
            "dependencies = [\n": 'dependencies = [\n    "arq>=0.26",\n',
            '"uvicorn>=0.34",\n': '"uvicorn>=0.34",\n    "httpx>=0.28",\n',
            "    # Yours.\n]\n\n[dep": '    # Yours.\n    "boto3>=1.35",\n]\n\n[dep',
            "    # Yours.\n]\n\n[tool": '    # Yours.\n    "respx>=0.22",\n]\n\n[tool',
        },
    )
    _append(project / "pyproject.toml", "\n[tool.ours]\nstrict = true\n")
    _append(project / ".github/workflows/ci.yml", "      - run: uv run ours\n")
    if answers["migrations"]:
        write(project / "alembic/versions/ours.py", REVISION)
    _append(project / "alembic/env.py", "# Ours.\n")
    _replace(
        project / "app/models.py", {"    Identity,\n": "    Identity,\n    Index,\n"}
    )
    write_code(project, answers)
    edit_layer(project)
    for name in DELETED:
        (project / name).unlink(missing_ok=True)


def edit_layer(project: Path) -> None:
    """Change the layer: where answers change it too, where they do not, and what is
    there with one answer only.
    """
    answered = "session.connection()\n"
    _replace(
        project / "app/db/session.py", {answered: "session.connection()  # Ours.\n"}
    )
    first = '"""Give every failure its name: exceptions, and a line for the log."""\n'
    _replace(project / "app/db/errors.py", {first: f"{first}# Ours.\n"})
    for name in ("app/db/metrics.py", "app/db/engine/cursor.py"):
        _append(project / name, "\n\n# Ours.\n")


def write_code(project: Path, answers: Answers) -> None:
    """Write what depends on the answers, as the team does when it changes one."""
    models = project / "app/models.py"
    text = models.read_text("utf-8").partition("\n\n\nclass Order")[0].rstrip("\n")
    models.write_text(f"{text}\n{MODEL[str(answers['models'])]}", "utf-8")
    is_async = answers["mode"] == "async"
    router = ROUTER if is_async else re.sub("async (?=def)|await ", "", ROUTER)
    write(project / "app/orders.py", router)
    write(project / "tests/test_orders.py", TESTS if is_async else SYNC_TESTS)


def _replace(path: Path, changes: dict[str, str]) -> None:
    text = path.read_text("utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, (path.name, old)
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def _append(path: Path, text: str) -> None:
    """Add lines to a file, if these answers have it."""
    if path.exists():
        path.write_text(path.read_text("utf-8") + text, "utf-8")
