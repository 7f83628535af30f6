"""What a driver is given for a connection string, or the error, and its output."""

import json
from typing import Any

from support.pairs import run_scenario
from support.processes import Run
from support.variants import Answers, Render

EXAMINE = """
import ssl, traceback
import certifi
from app.db.engine.connect_args import build_connect_args
from app.db.engine.url import parse_url

class Said(logging.Handler):
    def emit(self, record):
        said.append(self.format(record))

said = []
logging.basicConfig(level=logging.DEBUG, handlers=[Said()])

def examine(text):
    built = build_connect_args(
        parse_url(text), pooled=False,
        application_name="ours", connect_timeout=7, server_settings={},
    )
    given = built.url.get_dialect()().create_connect_args(built.url)[1]
    given |= built.arguments
    for code in ("cursor_factory", "async_creator_fn"):
        given.pop(code, None)
    return {key: name(value) for key, value in given.items()}

def name(value):
    if isinstance(value, ssl.SSLContext):
        return f"{value.verify_mode.name} {value.check_hostname}"
    return "CERTIFI" if value == certifi.where() else value

def unfold(error):
    if error is None:
        return []
    return [repr(error), *unfold(error.__cause__), *unfold(error.__context__)]

async def main():
    found = []
    for text in json.loads(os.environ["TEXTS"]):
        said.clear()
        try:
            outcome = examine(text)
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
            said.extend([*traceback.format_exception(error), *unfold(error)])
        found.append([outcome, "".join(said)])
    emit(found)
"""


def examine(run: Run, render: Render, answers: Answers, texts: list[str]) -> list[Any]:
    """Return what the driver is given for each text, or the error, and the output."""
    found: list[Any] = run_scenario(
        run, render(**answers), EXAMINE, TEXTS=json.dumps(texts)
    )
    return found
