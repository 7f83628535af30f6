"""What the page says of providers is what the code knows of their hosts."""

import re
import runpy
from typing import Any

import pytest

from support.variants import ROOT, Render

PAGE = (ROOT / "docs" / "providers.md").read_text("utf-8")
ROW = re.compile(r"^\| ([\w ]+) \| `([^`]+)` \| (yes|no) \| (.*?) ?\|$", re.MULTILINE)
ROWS = [match.groups() for match in ROW.finditer(PAGE)]


@pytest.fixture(scope="module")
def known(render: Render) -> dict[str, Any]:
    """The names of the module that knows the providers."""
    return runpy.run_path(str(render() / "app/db/engine/providers.py"))


def test_each_provider_has_a_row_and_its_sources(known: dict[str, Any]) -> None:
    for provider in known["PROVIDERS"]:
        assert any(provider.name == name for name, *_ in ROWS)
        assert provider.sources
        for source in provider.sources:
            assert re.search(rf"\s{re.escape(source)}\s", PAGE), source
        if provider.ca:
            assert f"| {provider.name} | {provider.ca} |" in PAGE


@pytest.mark.parametrize(("name", "endpoint", "pools", "direct"), ROWS)
def test_an_endpoint_is_what_its_row_says(
    known: dict[str, Any], name: str, endpoint: str, pools: str, direct: str
) -> None:
    found = known["find_provider"](endpoint)
    behind = known["get_direct"](endpoint)

    assert found.name == name
    assert known["is_pooler"](endpoint) == (pools == "yes")
    if pools == "no":
        assert behind == endpoint
    elif behind is None:
        assert direct == "set `DB_DIRECT_URL`"
    else:
        assert direct == f"`{behind}`"
        assert not known["is_pooler"](behind)
