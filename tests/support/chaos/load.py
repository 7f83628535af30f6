"""Clients that write and read, and remember what they were told."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx2

from support.services import wait_until

CLIENTS = 8
TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client was told.

    Attributes:
        fault: What was wrong when it asked.
        key: The text of the note that it wrote, or None if it read.
        status: The HTTP status, or 0 if the service did not answer.
        seconds: How long it took.
    """

    fault: str
    key: str | None
    status: int
    seconds: float


@dataclass
class Load:
    """A mixed load of writes and reads on a service.

    Attributes:
        answers: What all clients were told.
        fault: What is wrong now.
    """

    socket: Path
    seed: int
    answers: list[Answer] = field(default_factory=list)
    fault: str = "nothing"
    _asked_under: dict[int, str] = field(default_factory=dict)

    def begin(self, fault: str) -> None:
        """Name what is wrong from now on, when all that was asked before is answered."""
        self.fault = fault
        wait_until(lambda: set(self._asked_under.values()) == {fault})

    @contextmanager
    def run(self) -> Iterator[None]:
        """Keep the service busy."""
        self._stop = threading.Event()
        numbers = range(CLIENTS)
        threads = [threading.Thread(target=self._work, args=(n,)) for n in numbers]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def wait_for_a_write(self) -> float:
        """Return the seconds until a write that starts from now on is acknowledged."""
        started = time.monotonic()
        rng = random.Random(started)
        with self._connect() as client:
            while self._ask(client, rng, writes=True).status != 201:
                time.sleep(0.05)
        return time.monotonic() - started

    def _work(self, number: int) -> None:
        rng = random.Random(self.seed * CLIENTS + number)
        with self._connect() as client:
            while not self._stop.is_set():
                self._asked_under[number] = self.fault
                self._ask(client, rng, writes=rng.random() < 0.6)
                self._stop.wait(rng.random() * 0.02)

    def _connect(self) -> httpx2.Client:
        return httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(self.socket)),
            base_url="http://service",
            timeout=TIMEOUT_SECONDS,
        )

    def _ask(
        self, client: httpx2.Client, rng: random.Random, *, writes: bool
    ) -> Answer:
        key = str(UUID(int=rng.getrandbits(128))) if writes else None
        fault, started = self.fault, time.monotonic()
        try:
            if key is None:
                status = client.get("/notes", params={"limit": 1}).status_code
            else:
                status = client.post("/notes", json={"text": key}).status_code
        except httpx2.TransportError:
            status = 0
        answer = Answer(fault, key, status, time.monotonic() - started)
        self.answers.append(answer)
        return answer


@dataclass(frozen=True)
class Verdict:
    """What came of the answers under a fault, compared with the rows in the database.

    Attributes:
        statuses: How often each status was answered; 0 is no answer.
        lost: Writes that were acknowledged and are not there.
        duplicated: Writes that are there more than once.
        denied: Writes that were refused as not done, and are there.
        slowest: Seconds.
    """

    statuses: Counter[int]
    lost: int
    duplicated: int
    denied: int
    slowest: float


def judge(answers: list[Answer], rows: Counter[str]) -> Verdict:
    """Compare what clients were told with what is in the database."""
    writes = [answer for answer in answers if answer.key is not None]
    return Verdict(
        statuses=Counter(answer.status for answer in answers),
        lost=sum(rows[str(w.key)] == 0 for w in writes if w.status == 201),
        duplicated=sum(rows[str(w.key)] > 1 for w in writes),
        denied=sum(rows[str(w.key)] > 0 for w in writes if w.status == 503),
        slowest=max((answer.seconds for answer in answers), default=0.0),
    )
