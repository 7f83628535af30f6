"""The scripts in hooks/ find what they are for, and let the rest pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from render_example import RenderError, differences, render, replace
from sync_readme import question_table, replace_table

HOOKS = Path(__file__).resolve().parent.parent / "hooks"

# Inside a git hook these would point every git command at this repository.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}


def run_hook(
    script: str, *arguments: str | Path, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, HOOKS / script, *arguments],
        cwd=cwd,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def git(*arguments: str, cwd: Path) -> None:
    subprocess.run(["git", *arguments], cwd=cwd, env=ENVIRONMENT, check=True)


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


# --- sync_readme ----------------------------------------------------------------------

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


# --- render_example -------------------------------------------------------------------


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A git repository of a small template, with its example rendered and added."""
    root = tmp_path / "repository"
    write(
        root / "copier.yml",
        "_subdirectory: template\nname: {type: str, default: Default}\n",
    )
    files = root / "template"
    write(files / "{{ name | lower }}/main.py.jinja", "print('{{ name }}')\n")
    write(files / "README.md", "# Fixed\n")
    write(files / ".gitignore", ".env\n.venv\n")
    write(
        files / "{{ _copier_conf.answers_file }}.jinja",
        "# Changes here will be overwritten\n{{ _copier_answers | to_nice_yaml }}",
    )
    git("init", "--quiet", cwd=root)
    render(root / "examples/default", root=root)
    git("add", ".", cwd=root)
    return root


def render_example(
    root: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return run_hook(
        "render_example.py", *arguments, "--root", root, cwd=root, **environment
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_example_is_the_default_answers_rendered(template: Path) -> None:
    shutil.rmtree(template / "examples")

    result = render_example(template)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert contents(template / "examples/default") == {
        ".copier-answers.yml": (
            b"# Changes here will be overwritten\n"
            b"_src_path: gh:org/db-connection\n"
            b"name: Default\n"
        ),
        ".gitignore": b".env\n.venv\n",
        "README.md": b"# Fixed\n",
        "default/main.py": b"print('Default')\n",
    }


def test_a_path_that_yaml_folds_does_not_stay_in_the_answers_file(
    template: Path, tmp_path: Path
) -> None:
    folder = tmp_path / " and ".join(["a long name with spaces"] * 5)
    folder.mkdir()

    result = render_example(template, "--check", TMPDIR=str(folder), TEMP=str(folder))

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_an_uncommitted_change_of_the_template_is_rendered(template: Path) -> None:
    git(
        *("-c", "user.name=A", "-c", "user.email=a@example.com"),
        *("commit", "--quiet", "--message", "First"),
        cwd=template,
    )
    git("tag", "1.0.0", cwd=template)
    write(template / "template/README.md", "# Changed\n")
    write(template / "template/new.md", "new\n")

    result = render_example(template)

    assert (result.returncode, result.stderr) == (0, "")
    assert (template / "examples/default/README.md").read_bytes() == b"# Changed\n"
    assert (template / "examples/default/new.md").read_bytes() == b"new\n"


def test_the_check_names_each_path_that_differs_and_writes_nothing(
    template: Path,
) -> None:
    example = template / "examples/default"
    (example / "README.md").unlink()
    write(example / "default/old.py")
    write(example / "default/main.py", "print('Default')")
    before = contents(example)

    result = render_example(template, "--check")

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "examples/default/README.md: missing",
        "examples/default/default/main.py: differs",
        "examples/default/default/old.py: no longer rendered",
        "Run `python hooks/render_example.py`.",
    ]
    assert contents(example) == before


def test_a_refresh_removes_what_is_no_longer_rendered(template: Path) -> None:
    (template / "template/README.md").unlink()
    (template / "template/{{ name | lower }}").rename(template / "template/moved")

    result = render_example(template)

    assert result.returncode == 0
    assert not (template / "examples/default/README.md").exists()
    assert not (template / "examples/default/default").exists()
    assert (template / "examples/default/moved/main.py").is_file()


def test_a_refresh_says_which_rendered_files_git_ignores(template: Path) -> None:
    write(template / ".gitignore", "*.example\n")
    write(template / "template/.env.example", "A=1\n")

    result = render_example(template)

    assert result.returncode == 1
    assert result.stderr == "examples/default/.env.example: ignored by git\n"


def test_the_defaults_in_a_users_copier_settings_are_not_used(
    template: Path, tmp_path: Path
) -> None:
    settings = write(tmp_path / "settings.yml", "defaults: {name: Mine}\n")

    result = render_example(template, "--check", COPIER_SETTINGS_PATH=str(settings))

    assert (result.returncode, result.stderr) == (0, "")


def test_the_check_works_inside_a_git_hook(template: Path) -> None:
    # What git sets for a hook of a linked worktree.
    hook = {"GIT_DIR": str(template / ".git"), "GIT_INDEX_FILE": ".git/index"}

    result = render_example(template, "--check", **hook)

    assert (result.returncode, result.stderr) == (0, "")


def test_a_template_that_does_not_render_leaves_the_example_alone(
    template: Path,
) -> None:
    write(template / "template/page.md.jinja", "# Page\n{% if %}\n")
    before = contents(template / "examples")

    result = render_example(template)

    assert result.returncode == 1
    assert result.stderr.startswith("template/page.md.jinja, line 2: ")
    assert result.stderr.count("\n") == 1
    assert contents(template / "examples") == before


@pytest.mark.parametrize("mistake", ["{{ nobody }}", "{{ nobody.name }}", "{% if %}"])
def test_a_mistake_in_a_template_is_named_by_its_line(
    template: Path, tmp_path: Path, mistake: str
) -> None:
    config = template / "copier.yml"
    strict = "_envops: {undefined: jinja2.StrictUndefined}\n"
    write(config, strict + config.read_text(encoding="utf-8"))
    write(template / "template/page.md.jinja", f"# Page\n{mistake}\n")

    with pytest.raises(RenderError, match=r"^template/page\.md\.jinja, line 2: "):
        render(tmp_path / "rendered", root=template)


def test_a_template_that_needs_trust_is_refused(template: Path, tmp_path: Path) -> None:
    config = template / "copier.yml"
    write(config, config.read_text(encoding="utf-8") + "_tasks: [touch made]\n")

    with pytest.raises(RenderError, match="tasks"):
        render(tmp_path / "rendered", root=template)


def test_a_root_without_a_template_is_one_sentence(tmp_path: Path) -> None:
    result = render_example(tmp_path, "--check")

    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """An example of one page in a git repository that ignores `.env`."""
    git("init", "--quiet", cwd=tmp_path)
    write(tmp_path / ".gitignore", ".env\n")
    return write(tmp_path / "example/page.md", "text\n").parent


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fresh render of that page, outside git."""
    return write(tmp_path_factory.mktemp("fresh") / "page.md", "text\n").parent


def test_equal_folders_have_no_differences(example: Path, fresh: Path) -> None:
    assert differences(example, fresh) == []


def test_a_line_ending_is_a_difference(example: Path, fresh: Path) -> None:
    write(fresh / "page.md", "text\r\n")

    assert differences(example, fresh) == ["page.md: differs"]


def test_every_file_of_an_absent_example_is_missing(
    tmp_path: Path, fresh: Path
) -> None:
    assert differences(tmp_path / "nowhere", fresh) == ["page.md: missing"]


def test_a_file_that_was_deleted_but_not_from_git_is_missing(
    example: Path, fresh: Path
) -> None:
    git("add", ".", cwd=example)
    (example / "page.md").unlink()

    assert differences(example, fresh) == ["page.md: missing"]


def test_an_extra_file_counts_before_and_after_it_is_added_to_git(
    example: Path, fresh: Path
) -> None:
    write(example / "new.md")
    before = differences(example, fresh)
    git("add", ".", cwd=example)

    after = differences(example, fresh)

    assert before == after == ["new.md: no longer rendered"]


def test_an_extra_file_that_git_both_tracks_and_ignores_counts(
    example: Path, fresh: Path
) -> None:
    write(example / ".env")
    git("add", "--force", ".env", cwd=example)

    assert differences(example, fresh) == [".env: no longer rendered"]


def test_what_git_ignores_is_not_a_part_of_the_example(
    example: Path, fresh: Path
) -> None:
    write(example / ".env")

    assert differences(example, fresh) == []


def test_replacing_the_example_keeps_what_git_ignores(
    example: Path, fresh: Path
) -> None:
    write(example / ".env", "SECRET=1\n")
    write(fresh / "page.md", "changed\n")

    replace(example, fresh)

    assert contents(example) == {".env": b"SECRET=1\n", "page.md": b"changed\n"}


def test_a_folder_that_became_a_file_is_replaced(example: Path, fresh: Path) -> None:
    (example / "page.md").rename(write(example / "guide/page.md"))
    write(fresh / "guide", "text\n")

    replace(example, fresh)

    assert contents(example) == {"guide": b"text\n", "page.md": b"text\n"}
