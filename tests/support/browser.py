"""Chromium without a window, which asks nothing of any network."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

# Debian's, and what GitHub's runners have.
BROWSERS = ("chromium", "google-chrome")
DRIVER = "chromedriver"
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> tuple[str, str] | None:
    """Return the programs, browser and driver; None if one is not installed."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which(DRIVER)
    return (browser, driver) if browser and driver else None


@contextmanager
def run_browser(programs: tuple[str, str], profile: Path) -> Iterator[Chrome]:
    """Run a browser.

    Args:
        programs: What `find_browser` returned.
        profile: An empty folder.
    """
    browser, driver = programs
    options = ChromeOptions()
    options.binary_location = browser
    for option in (*OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    chrome = Chrome(options=options, service=Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


def set_size(chrome: Chrome, width: int, height: int, scale: float = 1) -> None:
    """Give the page a size in CSS pixels, and a number of pixels for each of them."""
    chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False},
    )


def set_scheme(chrome: Chrome, scheme: str) -> None:
    """Let the user prefer a "light" or a "dark" page."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def allow_clipboard(chrome: Chrome) -> None:
    """Let pages write and read what is copied."""
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    chrome.execute_cdp_cmd("Browser.grantPermissions", {"permissions": permissions})


def read_console(chrome: Chrome) -> list[str]:
    """Return what is new in the console."""
    return [entry["message"] for entry in chrome.get_log("browser")]  # type: ignore[no-untyped-call]


def read_requests(chrome: Chrome) -> list[str]:
    """Return the addresses that were requested since this was asked."""
    messages: list[dict[str, Any]] = [
        json.loads(entry["message"])["message"]
        for entry in chrome.get_log("performance")  # type: ignore[no-untyped-call]
    ]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
