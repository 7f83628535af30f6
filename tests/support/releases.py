"""The template in two releases, and projects that follow it with git."""

import contextlib
import io
import re
import shutil
from pathlib import Path
from subprocess import CompletedProcess

from copier._cli import CopierApp

from questionnaire import ANSWERS_FILE
from support.processes import COPIER, Run
from support.rendering import quick_copier
from support.variants import ROOT

# What the second release adds to some files, below the first line.
LINE = "# New in the second release.\n"
CHANGED = {"errors.py", "local.py", "main.py", "notes.py"}

# The releases before: a clone may have their commits without their tags. Nothing has been
# released yet, so these are commits of `main`.
EARLIER = {
    "v0.1.0": "e6d1850c73ffd15476286b28ae505d1f30b2f221",
    "v0.2.0": "f49bb6e01a7b57acc477cf10f3ab518845c16f93",
}

_CONDITIONS = re.compile(r"{%.*?%}|[.]jinja$")


def make_releases(run: Run, template: Path, folder: Path) -> Path:
    """Put a template into a git repository with the tags v1.0.0 and v2.0.0."""
    shutil.copytree(template, folder)
    start_repository(run, folder)
    git(run, folder, "tag", "v1.0.0")
    found = set()
    for path in folder.glob("template/*/**/*.*"):
        name = _CONDITIONS.sub("", path.name)
        if name in CHANGED and path.parts[-2] != "tests":
            first, rest = path.read_text("utf-8").split("\n", 1)
            path.write_text(f"{first}\n{LINE}{rest}", "utf-8")
            found.add(name)
    assert found == CHANGED
    commit(run, folder)
    git(run, folder, "tag", "v2.0.0")
    return folder


def make_history(run: Run, template: Path, folder: Path) -> Path:
    """Put the earlier releases and then a template, as v9.0.0, into a git repository."""
    folder.mkdir()
    git(run, folder, "init", "--quiet")
    for tag, origin in [*EARLIER.items(), ("v9.0.0", None)]:
        for path in folder.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if origin is None:
            shutil.copytree(template, folder, dirs_exist_ok=True)
        else:
            # A shallow clone does not have it: `git fetch --unshallow`.
            archive = folder.with_suffix(".zip")
            contents = ("--output", archive, origin, "copier.yml", "template")
            git(run, ROOT, "archive", *map(str, contents))
            shutil.unpack_archive(archive, folder)
        commit(run, folder)
        git(run, folder, "tag", tag)
    return folder


def start_repository(run: Run, folder: Path) -> None:
    """Put a folder and its files into a new git repository."""
    git(run, folder, "init", "--quiet")
    commit(run, folder)


def start_project(run: Run, rendered: Path, folder: Path, releases: Path) -> Path:
    """Put a copy of a render into a repository, as one that Copier made of v1.0.0."""
    shutil.copytree(rendered, folder, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / ANSWERS_FILE
    text = path.read_text("utf-8")
    origin = f"_commit: v1.0.0\n_src_path: {releases}"
    path.write_text(re.sub("(?m)^_src_path: .*$", origin, text), "utf-8")
    start_repository(run, folder)
    return folder


def commit(run: Run, folder: Path) -> None:
    """Commit every change."""
    git(run, folder, "add", "--all")
    # Whatever the user's own settings are.
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    options = ("--quiet", "--no-gpg-sign", "--no-verify", "--message=Change")
    git(run, folder, *author, "commit", "--allow-empty", *options)


def changes(run: Run, folder: Path) -> dict[str, str]:
    """Return what git notices of each file that is not committed so, by its path."""
    status = git(run, folder, "status", "--porcelain", "--untracked-files=all", "-z")
    return {line[3:]: line[:2].strip() for line in status.split("\0") if line}


def conflicts(run: Run, folder: Path) -> set[str]:
    """Return the files that git holds for unmerged, which are those with markers."""
    unmerged = git(run, folder, "ls-files", "--unmerged", "-z").split("\0")
    files = {line.partition("\t")[2] for line in unmerged if line}
    markers = (
        "grep",
        "--files-with-matches",
        "-z",
        "--untracked",
        "^<<<<<<< \\|^>>>>>>> ",
    )
    marked = run("git", *markers, cwd=folder).stdout.split("\0")
    assert files == {name for name in marked if name}
    return files


def update(run: Run, project: Path, **answers: object) -> "CompletedProcess[str]":
    """Run `copier update`, with answers that change."""
    data = [f"--data={name}={answer}" for name, answer in answers.items()]
    return run(COPIER, "update", "--defaults", *data, cwd=project)


def update_here(project: Path, *options: str, **answers: object) -> str:
    """Run the same command in this process, and return what it printed."""
    data = [f"--data={name}={answer}" for name, answer in answers.items()]
    code, printed = copier("update", "--defaults", *options, *data, project)
    assert code == 0, printed
    return printed


def copy_here(source: Path, project: Path, *options: str, **answers: object) -> str:
    """Run `copier copy` in this process, and return what it printed."""
    data = [f"--data={name}={answer}" for name, answer in answers.items()]
    code, printed = copier("copy", "--defaults", *options, *data, source, project)
    assert code == 0, printed
    return printed


def copier(*arguments: str | Path) -> tuple[int, str]:
    """Run the command line of Copier in this process, which spares its imports.

    Returns:
        The exit code, and what it printed.
    """
    printed = io.StringIO()
    with (
        quick_copier(),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        try:
            _, code = CopierApp.run(["copier", *map(str, arguments)], exit=False)
        except ValueError as error:
            # An answer that is refused: the command would show a traceback.
            return 1, str(error)
    return code, printed.getvalue()


def git(run: Run, folder: Path, *arguments: str) -> str:
    """Run git, and return its output."""
    finished = run("git", *arguments, cwd=folder)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
