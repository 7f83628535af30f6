"""The example is what the default answers render; a refresh makes it so, a check tells."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from render_example import RenderError, render
from support.hooks import contents, git, run_hook, write


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
