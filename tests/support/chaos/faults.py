"""What can go wrong, one after another: each has struck when its function returns."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from support.chaos.proxy import Proxy
from support.chaos.server import Server
from support.services import wait_until


@dataclass(frozen=True)
class Stage:
    """What faults act on.

    Attributes:
        server: The database.
        proxy: What the service reaches it by.
        rng: What chooses at random.
        seconds: How long a fault lasts.
    """

    server: Server
    proxy: Proxy
    rng: random.Random
    seconds: float


def kill_some(stage: Stage) -> None:
    for _ in range(4):
        wait_until(lambda: stage.server.kill(stage.rng, 0.5) > 0)
        time.sleep(stage.seconds / 4)


def kill_all(stage: Stage) -> None:
    wait_until(lambda: stage.server.kill(stage.rng, 1) > 0)


def restart(stage: Stage) -> None:
    stage.server.stop()
    stage.server.start()


def suspend(stage: Stage) -> None:
    stage.server.stop()
    time.sleep(stage.seconds)
    stage.server.start()


def crash(stage: Stage) -> None:
    stage.server.crash(stage.rng)


def pause(stage: Stage) -> None:
    with stage.server.pause():
        time.sleep(stage.seconds)


def silence(stage: Stage) -> None:
    stage.proxy.is_silent = True
    wait_until_it_struck(stage, stage.seconds)
    stage.proxy.is_silent = False
    # What was swallowed does not come back: those who wait for it must give up.


def reset(stage: Stage) -> None:
    for _ in range(4):
        wait_until(lambda: stage.proxy.reset_all() > 0)
        time.sleep(stage.seconds / 4)


def cut(stage: Stage) -> None:
    stage.proxy.cuts = True
    wait_until_it_struck(stage, stage.seconds / 2)
    stage.proxy.cuts = False


def lose_commits(stage: Stage) -> None:
    stage.proxy.loses_commits = True
    wait_until_it_struck(stage, stage.seconds / 2)
    stage.proxy.loses_commits = False


def exhaust(stage: Stage) -> None:
    with stage.server.exhaust():
        time.sleep(stage.seconds)


def wait_until_it_struck(stage: Stage, seconds: float) -> None:
    """Wait so long, and until the proxy has done what it was asked for."""
    before = stage.proxy.struck
    time.sleep(seconds)
    # Every client may have waited for something else meanwhile.
    wait_until(lambda: stage.proxy.struck > before)


FAULTS: dict[str, Callable[[Stage], None]] = {
    "sessions killed at random": kill_some,
    "all sessions killed": kill_all,
    "server restarted": restart,
    "server suspended and woken": suspend,
    "server crashed": crash,
    "server paused": pause,
    "network silent": silence,
    "connections reset": reset,
    "answers cut in half": cut,
    "answers to COMMIT lost": lose_commits,
    "no connections left": exhaust,
}
# Encrypted, a COMMIT cannot be told from anything else.
NEEDS_PLAIN_TEXT = {"answers to COMMIT lost"}
