"""The README lists every question of copier.yml, with its values; the rest stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.hooks import HOOKS, run_hook, write
from sync_readme import question_table, replace_counts, replace_table

QUESTIONNAIRE = """
_envops: {trim_blocks: true, lstrip_blocks: true}
_external_data: {answers: .copier-answers.yml}

earlier: {type: yaml, when: false, default: "{{ _external_data.answers or {} }}"}
name:
  type: str
  help: >-
    How is
      it called | named?
  default: >-
    {{ earlier.name | default('My app') | regex_replace('app', 'API') }}
owner: {type: str, help: "Who owns it?"}
kind:
  type: str
  help: What is it?
  choices:
    A layer:
      value: layer
      validator: "{% if name == 'x' %}Not for x.{% endif %}"
    An app (recommended): {value: app}
  default: app
mode:
  type: str
  help: Which mode of {{ name }}?
  choices: {Async: async, Sync: sync}
  default: async
is_async: {type: bool, when: false, default: "{{ mode == 'async' }}"}
driver:
  type: str
  help: "Which driver?"
  choices: |
    psycopg 3: psycopg
    {% if is_async %}
    asyncpg: asyncpg
    {% else %}
    psycopg2: psycopg2
    {% endif %}
  default: psycopg
migrations: {type: bool, help: "Add migrations?", default: false}
metrics: {type: str, help: "Which?", choices: [prometheus, none], default: none}
flags: {type: str, when: false, default: "{{ _copier_conf.answers_file | to_json }}"}
"""

TABLE = r"""
| Question | Values, the default first | What it changes |
| --- | --- | --- |
| `name` | `My API`, or your own | How is it called \| named? |
| `owner` | your own | Who owns it? |
| `kind` | `app`, `layer` | What is it? |
| `mode` | `async`, `sync` | Which mode of My API? |
| `driver` | DRIVERS | Which driver? |
| `migrations` | `no`, `yes` | Add migrations? |
| `metrics` | `none`, `prometheus` | Which? |
""".lstrip().replace(
    "DRIVERS",
    "`psycopg`, `asyncpg` (if `mode` is `async`), `psycopg2` (if `mode` is `sync`)",
)

README = """# Title

<!-- questions:start -->
<!-- questions:end -->

The rest.
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of two files: the questionnaire, and a README without its table."""
    write(tmp_path / "copier.yml", QUESTIONNAIRE)
    write(tmp_path / "README.md", README)
    return tmp_path


def test_the_table_shows_each_question_with_its_values(repository: Path) -> None:
    assert question_table(repository / "copier.yml") == TABLE


def test_a_choice_that_depends_on_two_answers_names_each_value_once(
    tmp_path: Path,
) -> None:
    choices = "[1{% if a and b %}, 2{% endif %}{% if b == false %}, 3{% endif %}]"
    questionnaire = write(
        tmp_path / "copier.yml",
        "a: {type: bool, default: true}\n"
        "b: {type: bool, default: true}\n"
        f"c: {{type: int, default: 1, choices: '{choices}'}}\n",
    )

    last_row = question_table(questionnaire).splitlines()[-1]

    values = "`1`, `2` (depends on the earlier answers), `3` (if `b` is `no`)"
    assert last_row == f"| `c` | {values} |  |"


def test_a_help_of_several_lines_stays_in_its_cell(tmp_path: Path) -> None:
    questionnaire = write(
        tmp_path / "copier.yml",
        "a:\n  type: bool\n  default: true\n"
        "  help: |-\n    Which?\n\n      One: this.\n      Two: that.\n",
    )

    last_row = question_table(questionnaire).splitlines()[-1]

    assert last_row == "| `a` | `yes`, `no` | Which? One: this. Two: that. |"


def test_the_table_of_this_repository_names_every_question() -> None:
    table = question_table(HOOKS.parent / "copier.yml")

    questions = [line.split("`")[1] for line in table.splitlines()[2:]]
    assert questions[0] == "project_name"
    assert "driver" in questions
    assert "is_async" not in questions


def test_the_table_replaces_what_is_between_the_markers_and_nothing_else() -> None:
    readme = README.replace("start -->\n", "start -->\n\nan older table\n\n")

    new = replace_table(readme, "the table\n")

    assert new == README.replace("start -->\n", "start -->\n\nthe table\n\n")
    assert replace_table(new, "the table\n") == new


@pytest.mark.parametrize(
    "readme",
    [
        "# Title\n",
        "<!-- questions:start -->\n",
        "<!-- questions:end -->\n",
        "<!-- questions:end -->\n<!-- questions:start -->\n",
    ],
)
def test_a_readme_without_its_markers_is_refused_in_one_sentence(
    repository: Path, readme: str
) -> None:
    write(repository / "README.md", readme)

    result = run_hook("sync_readme.py", "--root", repository, cwd=repository)

    assert result.returncode == 1
    assert result.stderr == (
        "README.md needs the line <!-- questions:start --> and, below it,"
        " the line <!-- questions:end -->.\n"
    )
    assert (repository / "README.md").read_text(encoding="utf-8") == readme


def test_sync_readme_writes_the_table_between_the_markers(repository: Path) -> None:
    result = run_hook("sync_readme.py", "--root", repository, cwd=repository)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (repository / "README.md").read_text(encoding="utf-8") == (
        README.replace("start -->\n", f"start -->\n\n{TABLE}\n")
    )


def test_sync_readme_leaves_a_current_readme_untouched(repository: Path) -> None:
    run_hook("sync_readme.py", "--root", repository, cwd=repository)
    long_ago = 1_000_000_000
    os.utime(repository / "README.md", (long_ago, long_ago))

    written = run_hook("sync_readme.py", "--root", repository, cwd=repository)
    checked = run_hook(
        "sync_readme.py", "--check", "--root", repository, cwd=repository
    )

    assert (repository / "README.md").stat().st_mtime == long_ago
    assert (written.returncode, written.stderr) == (0, "")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_sync_readme_check_refuses_an_old_readme_and_writes_nothing(
    repository: Path,
) -> None:
    result = run_hook("sync_readme.py", "--check", "--root", repository, cwd=repository)

    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "run `python hooks/sync_readme.py`" in result.stderr
    assert (repository / "README.md").read_text(encoding="utf-8") == README


def test_a_questionnaire_that_cannot_be_read_is_one_sentence(repository: Path) -> None:
    write(repository / "copier.yml", "a: {type: str, default: '{{ 1 | nothing }}'}\n")

    result = run_hook("sync_readme.py", "--root", repository, cwd=repository)

    assert result.returncode == 1
    assert result.stderr == "No filter named 'nothing'.\n"


def test_the_tree_shows_how_many_lines_there_are(tmp_path: Path) -> None:
    for name in ("app/db/one.py", "app/db/README.md", "app/db/engine/two.py"):
        write(tmp_path / name, "line\n" * 1000)
    write(tmp_path / "alembic/env.py", "line\n")
    write(tmp_path / "alembic.ini", "line\n")
    tree = """
app/db/                layer    7 lines
app/db/engine/         room     7 lines
alembic/, alembic.ini  yours    7 lines
What has 7 lines is not a row.
"""

    new = replace_counts(tree, tmp_path)

    counts = [line.split()[-2] for line in new.splitlines() if line.endswith("lines")]
    assert counts == ["1,000", "1,000", "2"]
    assert new.endswith("What has 7 lines is not a row.\n")
