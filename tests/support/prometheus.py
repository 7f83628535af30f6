"""A Prometheus that scrapes services, and what it says about them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from support.postgres import find_free_port
from support.services import TIMEOUT_SECONDS, wait_until

INTERVAL = "500ms"


class Prometheus:
    """Answers expressions, and knows which alerts fire."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def query(self, expression: str) -> list[float]:
        """Return the latest values of the series of an expression."""
        series = self._get("query", query=expression)["result"]
        return [float(one["value"][1]) for one in series]

    def query_range(
        self, expression: str, start: float, end: float
    ) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        """Return each series of an expression, with its labels and its points."""
        span = {"start": str(start), "end": str(end), "step": "1"}
        series = self._get("query_range", query=expression, **span)["result"]
        return [
            (one["metric"], [(time, float(value)) for time, value in one["values"]])
            for one in series
        ]

    def list_firing(self) -> set[tuple[str, str]]:
        """Return the names of the alerts that fire, each with its job."""
        alerts = self._get("alerts")["alerts"]
        firing = [a["labels"] for a in alerts if a["state"] == "firing"]
        return {(labels["alertname"], labels["job"]) for labels in firing}

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._client.get("/-/ready").is_success
        except httpx2.TransportError:
            return False

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = self._client.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        data: dict[str, Any] = answer["data"]
        return data


@contextmanager
def run_prometheus(
    folder: Path, services: dict[str, int], *, rules: str = ""
) -> Iterator[Prometheus]:
    """Run Prometheus on a free port, from when it answers.

    Args:
        folder: A folder for its files.
        services: The jobs, each with the port of its service.
        rules: The source of its rules.
    """
    rules_file = folder / "rules.yml"
    rules_file.write_text(rules, encoding="utf-8")
    jobs = [
        {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        for name, port in services.items()
    ]
    intervals = dict.fromkeys(("scrape_interval", "evaluation_interval"), INTERVAL)
    config = {
        "global": intervals | {"scrape_timeout": INTERVAL},
        "rule_files": [str(rules_file)],
        "scrape_configs": jobs,
    }
    config_file = folder / "prometheus.yml"
    config_file.write_text(yaml.safe_dump(config), encoding="utf-8")
    address = f"127.0.0.1:{find_free_port()}"
    command = (
        find_tool("prometheus"),
        f"--config.file={config_file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=error",
    )
    with (
        subprocess.Popen(command) as process,
        httpx2.Client(base_url=f"http://{address}", timeout=TIMEOUT_SECONDS) as client,
    ):
        prometheus = Prometheus(client)
        try:
            wait_until(prometheus.is_ready)
            yield prometheus
        finally:
            process.terminate()
            process.wait(TIMEOUT_SECONDS)


def find_tool(name: str) -> str:
    """Return the path of a program of Prometheus's."""
    if (found := shutil.which(name)) is None:
        reason = f"{name} is not installed: apt-get install prometheus"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
