"""The account that runs servers: never root, as whom PostgreSQL refuses to run."""

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any


def run(*command: str | Path, cwd: Path, said: str = "") -> None:
    """Run a command as the account that runs the servers."""
    account, data = leave_root(), said.encode()
    subprocess.run(
        command, cwd=cwd, input=data, capture_output=True, check=True, **account
    )


def hand_over(path: Path) -> None:
    """Give a file or a folder to the account that runs the servers."""
    if account := leave_root():
        os.chown(path, account["user"], account["group"])


def leave_root() -> dict[str, Any]:
    """Return what makes `subprocess` leave root, as whom PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
