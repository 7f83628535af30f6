"""What a module of a project depends on, as its import statements say."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath

Files = dict[str, bytes]


class Imports:
    """The import statements of a project's modules, wherever they stand.

    A name that a package takes from a module of its own leads to that module. Of the
    package only the text counts then: what else it imports has no effect by itself.

    Args:
        files: The project, by path.
    """

    def __init__(self, files: Files) -> None:
        self._paths = {_module(path): path for path in files if path.endswith(".py")}
        self._trees = cache(lambda path: ast.parse(files[path]))
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
        return found | {path for path in texts if self._trees(path).body}

    def _imports(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield the modules that a module imports: their names and paths."""
        for node in ast.walk(self._trees(path)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in self._paths:
                        yield alias.name, self._paths[alias.name]
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield from self._find(_base(path, node), alias.name)

    def _find(self, base: str, name: str) -> Iterator[tuple[str, str]]:
        """Yield the module that gives a name, with the packages it came through."""
        module = f"{base}.{name}" if f"{base}.{name}" in self._paths else base
        if module not in self._paths:
            return
        path = self._paths[module]
        if module == base and path.endswith("__init__.py"):
            for node in self._trees(path).body:
                if isinstance(node, ast.ImportFrom) and name in _names(node):
                    yield from self._find(_base(path, node), name)
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


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.asname or alias.name for alias in node.names}


def _base(path: str, node: ast.ImportFrom) -> str:
    """Return the module that a statement takes names from."""
    if not node.level:
        return node.module or ""
    package = PurePosixPath(path).parts[: -node.level]
    return ".".join([*package, *filter(None, [node.module])])
