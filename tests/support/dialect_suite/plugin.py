"""Gives the suite the engines of a project, and writes down the outcomes.

Dialect with its limit, arguments of the driver with its cursor, pool, and the replacement
of stale connections are those of `build_engine`. The pool's size is the suite's. The
dialect `postgresql+stock` is SQLAlchemy's own for the driver, with none of it.
"""

import json
import math
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.testing.provision import (
    post_configure_engine,
    post_configure_testing_engine,
    update_db_opts,
)

_engine = import_module("app.db.engine")
_connect_args = import_module("app.db.engine.connect_args")
_stock = _engine.driver.Dialect
registry.register("postgresql.stock", _stock.__module__, _stock.__name__)
# Before the functions below, one of which replaces its own. SQLAlchemy looks for such a
# module beside that of the dialect.
import_module("sqlalchemy.dialects.postgresql.provision")


def _is_lean(url: Any) -> bool:
    return bool(make_url(url).drivername == _engine.LEAN_DRIVERNAME)


@update_db_opts.for_db("postgresql")
def add_arguments(url: Any, options: dict[str, Any], _: object) -> None:
    """Add to the arguments of each `create_engine`."""
    if _is_lean(url):
        connect_args = _connect_args.build_connect_args(
            make_url(url),
            pooled=False,
            application_name="dialect-suite",
            connect_timeout=10,
            server_settings={},
        )
        options["connect_args"] = connect_args.arguments
        options["poolclass"] = _engine.FairQueuePool
        options |= _engine.driver.DIALECT_ARGUMENTS


@post_configure_testing_engine.for_db("postgresql")
def add_listeners(url: Any, engine: Any, _options: object, _scope: object) -> None:
    """Add what `build_engine` adds to each engine."""
    if _is_lean(url):
        engine = getattr(engine, "sync_engine", engine)
        engine.dialect.statement_timeout = 60
        _engine.replace_stale_connections(engine, max_age=math.inf, max_idle=math.inf)


@post_configure_engine.for_db("postgresql")
def ask_for_the_default_schema(_url: object, engine: Any, _: object) -> None:
    """Inspect once, because the tests read the dialect's default schema before that.

    This replaces SQLAlchemy's own function, which installs extensions that the suite
    does not need and the wheel's PostgreSQL does not have.
    """
    inspect(engine).default_schema_name  # noqa: B018


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the outcome of each test, the worst one last."""
    found = {
        report.nodeid: outcome
        for outcome in ("skipped", "passed", "failed", "error")
        for report in terminalreporter.stats.get(outcome, [])
    }
    Path(os.environ["OUTCOMES"]).write_text(json.dumps(found), encoding="utf-8")
