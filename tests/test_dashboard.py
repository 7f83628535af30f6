"""Grafana's own schema knows all that the dashboard says."""

import json
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from support.variants import Render


def test_nothing_of_the_dashboard_is_unknown_to_grafana(render: Render) -> None:
    dashboard = json.loads((render() / "monitoring/dashboard.json").read_text("utf-8"))

    register_default_plugins()
    encoder = JSONEncoder(sort_keys=True)
    understood = json.loads(encoder.encode(Dashboard.from_json(dashboard)))

    assert list_lost(dashboard, understood) == []


def test_the_panels_do_not_overlap(render: Render) -> None:
    dashboard = json.loads((render() / "monitoring/dashboard.json").read_text("utf-8"))

    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def list_lost(value: Any, understood: Any, path: str = "") -> list[str]:
    """Return the places at which something is missing or changed."""
    if isinstance(value, dict) and isinstance(understood, dict):
        pairs = {f"{path}.{key}": (value[key], understood.get(key)) for key in value}
    elif isinstance(value, list) and isinstance(understood, list):
        pairs = {
            f"{path}[{index}]": pair
            for index, pair in enumerate(zip(value, understood, strict=True))
        }
    else:
        return [] if value == understood else [path]
    return [lost for key, pair in pairs.items() for lost in list_lost(*pair, key)]
