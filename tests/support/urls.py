"""What a driver is given for a connection string, or the error, and all that it shows."""

import json
from typing import Any

from support.pairs import run_scenario
from support.processes import Run
from support.variants import Answers, Render

EXAMINE = """
import ssl, traceback
import certifi
from app.db.endpoint import build_endpoint
from app.db.url import parse_url

class Said(logging.Handler):
    def emit(self, record):
        said.append(self.format(record))

said = []
logging.basicConfig(level=logging.DEBUG, handlers=[Said()])

def examine(text):
    endpoint = build_endpoint(
        parse_url(text, setting="DB_URL"), setting="DB_URL", pooled=False,
        application_name="ours", connect_timeout=7, server_settings={},
    )
    place = endpoint.url.get_dialect()().create_connect_args(endpoint.url)[1]
    return {key: name(value) for key, value in (place | endpoint.connect_args).items()}

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
    """Return of each text what the driver is given, or the error, and all that shows."""
    found: list[Any] = run_scenario(
        run, render(**answers), EXAMINE, TEXTS=json.dumps(texts)
    )
    return found
