"""The README's quick start, before your eyes: render, install, serve, write, read."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCAL = ["uv", "run", "--quiet", "python", "-m", "app.db", "local", "--"]
START_SECONDS = 60
STOP_SECONDS = 30


def main() -> None:
    """Run the demonstration in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        project = Path(folder) / "my-api"
        title("copier copy --defaults gh:org/db-connection my-api")
        copy = ["copier", "copy", "--quiet", "--defaults", "--vcs-ref=HEAD"]
        run([*copy, str(ROOT), str(project)], cwd=ROOT)
        for path in sorted(path for path in project.rglob("*") if path.is_file()):
            print(" ", path.relative_to(project).as_posix())

        title("uv sync")
        run(["uv", "sync", "--quiet"], cwd=project)

        title("uv run python -m app.db local -- uvicorn app.main:app")
        # A job in the background would have its children ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        port = find_port()
        serve = ["uvicorn", "app.main:app", f"--port={port}", "--log-level=warning"]
        with subprocess.Popen(
            [*LOCAL, *serve],
            cwd=project,
            env=variables(),
            start_new_session=True,
        ) as server:
            try:
                use(f"http://127.0.0.1:{port}", project)
            finally:
                # To all of them, as Ctrl-C does: uv leaves it to the terminal.
                os.killpg(server.pid, signal.SIGINT)
                server.wait(timeout=STOP_SECONDS)
    title("Go on")
    print("  uvx copier copy gh:org/db-connection my-api")


def use(url: str, project: Path) -> None:
    """Ask, write and read, as the clients of the service at `url` do."""
    wait_for(f"{url}/health/live")
    title("uv run python -m app.db ping")
    run([*LOCAL, "python", "-m", "app.db", "ping"], cwd=project)
    title("""POST /notes {"text": "hello"}""")
    note = show(f"{url}/notes", {"text": "hello"})
    title(f"GET /notes/{note['id']}")
    show(f"{url}/notes/{note['id']}")
    title("GET /health/db")
    show(f"{url}/health/db")


def show(url: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    """Send a request, a POST if it has a body, and print the answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
        print(f"  {response.status} {json.dumps(answer)}", flush=True)
    return answer


def wait_for(url: str) -> None:
    """Wait until the service answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def run(command: list[str], *, cwd: Path) -> None:
    """Run a command, and stop if it fails."""
    subprocess.run(command, cwd=cwd, env=variables(), check=True)


def variables() -> dict[str, str]:
    """Return the environment, without what would lead `uv` to another project."""
    return {name: os.environ[name] for name in os.environ if name != "VIRTUAL_ENV"}


def find_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def title(text: str) -> None:
    """Say what comes next."""
    print(f"\n$ {text}", flush=True)


if __name__ == "__main__":
    main()
