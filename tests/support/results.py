"""What the runs of the tests found of each variant, kept in the cache of pytest.

A project is known by its files: what was found of others does not count.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from questionnaire import ANSWERS_FILE
from support.variants import ROOT

_KEY = "db-connection/results"
# Where pytest keeps what is set with a key.
_FILE = ROOT / ".pytest_cache" / "v" / _KEY
# More than two runs of everything.
_KEPT = 500
# What the tests record, by the fingerprint of a project: how many of its tests passed, 0
# unless all did, and the round trips of each kind of request.
_RECORDED = ("passed", "round_trips")

Results = dict[str, dict[str, Any]]


def fingerprint(project: Path) -> str:
    """Return what two projects have in common if they have the same files."""
    digest = sha256()
    for path in sorted(project.glob("**/*")):
        # Copier's own file tells where the template was.
        is_made = path.parent.name == "__pycache__" or path.name == ANSWERS_FILE
        if path.is_file() and not is_made:
            content = path.read_bytes()
            name = path.relative_to(project).as_posix()
            digest.update(f"\n{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def keep_results(config: pytest.Config, reports: Iterable[pytest.TestReport]) -> None:
    """Remember what the tests recorded, the latest first."""
    found: Results = {name: {} for name in _RECORDED}
    for report in reports:
        if report.when == "call":
            for name, value in report.user_properties:
                if name in found and isinstance(value, dict):
                    found[name] |= value
    # Pytest can be told to do without one.
    cache = getattr(config, "cache", None)
    if not any(found.values()) or cache is None:
        return
    earlier: Results = cache.get(_KEY, {})
    kept = {
        name: dict(
            islice((found[name] | earlier.get(name, {}) | found[name]).items(), _KEPT)
        )
        for name in _RECORDED
    }
    cache.set(_KEY, kept)


def read_results() -> Mapping[str, Mapping[str, Any]]:
    """Return what the last runs found, by what was recorded; nothing without a run."""
    if not _FILE.exists():
        return {}
    results: Results = json.loads(_FILE.read_text("utf-8"))
    return results
