"""Services that were there before the layer, and what is added to them."""

from pathlib import Path
from subprocess import CompletedProcess

from support.hooks import write
from support.processes import COPIER, Run

# The text of each file, by its path.
Files = dict[str, str]

# Made by running Python and pytest.
_BYPRODUCTS = {"__pycache__", ".pytest_cache", ".git"}


def write_host(folder: Path, files: Files) -> Path:
    """Write the files of a service, and return its folder."""
    for name, text in files.items():
        write(folder / name, text)
    return folder


def read_host(folder: Path) -> dict[str, bytes]:
    """Return every file that someone wrote, by its path."""
    paths = {path.relative_to(folder): path for path in folder.rglob("*")}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in paths.items()
        if path.is_file() and not _BYPRODUCTS & set(name.parts)
    }


def add_layer(
    run: Run, host: Path, template: Path, *options: str, **answers: object
) -> "CompletedProcess[str]":
    """Run `copier copy` in a service, for the layer."""
    data = [
        f"--data={name}={answer}"
        for name, answer in ({"scaffold": "layer"} | answers).items()
    ]
    command = (COPIER, "copy", "--defaults", *options, *data, template, ".")
    return run(*command, cwd=host)


def modules_of(files: Files) -> list[str]:
    """Return the names of a service's modules, without its tests and migrations."""
    paths = [
        name.removeprefix("src/").removesuffix(".py").removesuffix("/__init__")
        for name in files
        if name.endswith(".py") and not name.startswith(("tests/", "alembic/"))
    ]
    return [path.replace("/", ".") for path in paths]


def import_path(host: Path) -> str:
    """Return the PYTHONPATH of a service, with or without `src`."""
    return f"{host}:{host / 'src'}"
