"""What the tests of a project depend on, so that what is the same runs once."""

import re
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from support.imports import Files, Imports

# What modules depend on without an import statement.
_READ = {
    "tests/db/test_border.py": ["app/db/engine/*.py"],
    "tests/db/test_migrations.py": ["alembic/script.py.mako"],
    "tests/db/test_revisions.py": ["alembic.ini", "alembic/*"],
}


class Suite(NamedTuple):
    """The tests of a project.

    Attributes:
        files: The project, by path.
        keys: By test module, what is the same in two of them that cannot differ in
            their outcome: the content of all that they depend on.
    """

    files: Files
    keys: dict[str, str]


def read_files(project: Path) -> Files:
    """Read a project."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.glob("**/*")
        if path.is_file()
        and not {"__pycache__", ".git"} & set(path.relative_to(project).parts)
    }


def read_suite(project: Path) -> Suite:
    """Read a project and find out what its test modules depend on."""
    files = read_files(project)
    imports = Imports(files)
    modules = [path for path in files if fnmatch(path, "tests/*test_*.py")]
    keys = {path: _digest(files, _depends_on(path, files, imports)) for path in modules}
    return Suite(files, dict(sorted(keys.items())))


def suite_of_the_user(project: Path) -> Suite:
    """Read a project, and of its test modules those that read files of the user's."""
    suite = read_suite(project)
    keys = {
        module: key
        for module, key in suite.keys.items()
        if not module.startswith("tests/db/") or module.endswith("/test_revisions.py")
    }
    return suite._replace(keys=keys)


def _depends_on(module: str, files: Files, imports: Imports) -> set[str]:
    patterns = _READ.get(module, [])
    read = {path for path in files for p in patterns if fnmatch(path, p)}
    # The tests of the layer need nothing of the user's, nor the user's conftest.py.
    conftest = f"{Path(module).parent}/conftest.py"
    python = [path for path in (module, *read) if path.endswith(".py")]
    if _uses_a_fixture(files[module], files[conftest]):
        python.append(conftest)
    return read | imports.closure(*python)


def _uses_a_fixture(module: bytes, conftest: bytes) -> bool:
    """Whether a module asks for something that its `conftest.py` defines."""
    names = re.findall(rb"^(?:async )?def (\w+)", conftest, re.MULTILINE)
    # As a parameter, which has a type, or in `usefixtures`.
    asked = re.findall(rb"\b(\w+): |\"(\w+)\"", module)
    # That mark uses `anyio_backend`.
    return b"mark.anyio" in module or not {*sum(asked, ())}.isdisjoint(names)


def _digest(files: Files, paths: set[str]) -> str:
    digest = sha256()
    for path in sorted(paths):
        digest.update(f"\n{path} {len(files[path])}\n".encode() + files[path])
    return digest.hexdigest()
