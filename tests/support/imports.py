"""What a module of a project depends on, as its import statements say."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath
from typing import NamedTuple

Files = dict[str, bytes]


class _Statement(NamedTuple):
    """An import statement.

    Attributes:
        level: How many dots there are, or -1 for `import module`.
        module: The name after them.
        names: What is taken from it.
        is_outside: Whether the statement is in no function and no class.
    """

    level: int
    module: str
    names: tuple[str, ...]
    is_outside: bool


@cache
def _read_statements(source: bytes) -> list[_Statement]:
    """Return the import statements of a module: many projects share it."""
    tree = ast.parse(source)
    outside, found = set(tree.body), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [_Statement(-1, alias.name, (), False) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            module = node.module or ""
            found.append(_Statement(node.level, module, names, node in outside))
    return found


class Imports:
    """The import statements of a project's modules, wherever they stand.

    A name that a package takes from a module of its own leads to that module. Of the
    package only the text counts then: what else it imports has no effect by itself.

    Args:
        files: The project, by path.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._paths = {_module(path): path for path in files if path.endswith(".py")}
        self._direct = cache(lambda path: set(self._imports(path)))

    def closure(self, *paths: str) -> set[str]:
        """Return the paths of modules, and of all that they import in the end."""
        found, waiting = set(paths), list(paths)
        texts: set[str] = set()
        while waiting:
            for module, path in self._direct(waiting.pop()):
                texts |= set(self._packages(module))
                if path not in found:
                    found.add(path)
                    waiting.append(path)
        return found | {path for path in texts if self._files[path].strip()}

    def _imports(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield the modules that a module imports: their names and paths."""
        for statement in _read_statements(self._files[path]):
            if statement.module in self._paths and statement.level < 0:
                yield statement.module, self._paths[statement.module]
            for name in statement.names:
                yield from self._find(_base(path, statement), name)

    def _find(self, base: str, name: str) -> Iterator[tuple[str, str]]:
        """Yield the module that gives a name, with the packages it came through."""
        module = f"{base}.{name}" if f"{base}.{name}" in self._paths else base
        if module not in self._paths:
            return
        path = self._paths[module]
        if module == base and path.endswith("__init__.py"):
            for statement in _read_statements(self._files[path]):
                if statement.is_outside and name in statement.names:
                    yield from self._find(_base(path, statement), name)
                    return
        yield module, path

    def _packages(self, module: str) -> Iterator[str]:
        """Yield the packages around a module."""
        while "." in module:
            module = module.rpartition(".")[0]
            if module in self._paths:
                yield self._paths[module]


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _base(path: str, statement: _Statement) -> str:
    """Return the module that a statement takes names from."""
    if not statement.level:
        return statement.module
    package = PurePosixPath(path).parts[: -statement.level]
    return ".".join([*package, *filter(None, [statement.module])])
