"""The picture of the page that the README shows."""

import base64
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from support.browser import find_browser, run_browser, set_size
from support.site import Page

# What is shown: an answer that was switched, and what it changes.
ANSWER = ("driver", "asyncpg")
STATE = f"{'='.join(ANSWER)}&file=app/db/engine/driver.py&view=changes"
WIDTH, HEIGHT, SCALE = 1280, 760, 1.25


def take_picture(site: Path, picture: Path) -> None:
    """Open the page in a browser, and write what it looks like as a WebP."""
    programs = find_browser()
    if programs is None:
        sys.exit("A picture needs Chromium and its driver: install them.")
    with (
        TemporaryDirectory(prefix="db-connection-") as profile,
        run_browser(programs, Path(profile)) as chrome,
    ):
        set_size(chrome, WIDTH, HEIGHT, SCALE)
        page = Page(chrome, site)
        page.open(STATE)
        centre = "arguments[0].scrollIntoView({ block: 'center' })"
        page.run(centre, page.find_choice(*ANSWER))
        options = {"format": "webp", "quality": 75}
        taken = chrome.execute_cdp_cmd("Page.captureScreenshot", options)
    picture.write_bytes(base64.b64decode(taken["data"]))
