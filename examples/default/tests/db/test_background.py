"""A background thread goes on after an error, or when it could not start at first."""

import sys
import threading
from queue import SimpleQueue
from typing import Any

import pytest

from app.db.engine.background import BackgroundThread


def test_an_error_is_reported_and_the_thread_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: SimpleQueue[threading.ExceptHookArgs] = SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", reported.put)
    steps: SimpleQueue[None] = SimpleQueue()

    errors = [OSError("no space left")]

    def fail_once() -> None:
        steps.put(None)
        if errors:
            raise errors.pop()

    thread = BackgroundThread(fail_once)
    for _ in range(2):
        thread.wake_up()
        steps.get(timeout=10)

    assert str(reported.get(timeout=10).exc_value) == "no space left"


def test_a_thread_that_could_not_start_is_started_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: SimpleQueue[None] = SimpleQueue()
    thread = BackgroundThread(lambda: steps.put(None))

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            thread.wake_up()
    thread.wake_up()

    steps.get(timeout=10)


def test_who_comes_while_a_thread_starts_in_vain_starts_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: SimpleQueue[None] = SimpleQueue()
    thread = BackgroundThread(lambda: steps.put(None))
    start = threading.Thread.start
    others: list[threading.Thread] = []

    def fail_while_another_comes(_: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        others.append(threading.Thread(target=thread.wake_up))
        others[0].start()
        # Long enough to find the thread that is being started.
        others[0].join(0.05)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail_while_another_comes)
    with pytest.raises(RuntimeError):
        thread.wake_up()
    others[0].join()

    steps.get(timeout=10)


def test_a_thread_goes_on_after_two_forks_at_once() -> None:
    steps: SimpleQueue[None] = SimpleQueue()
    thread = BackgroundThread(lambda: steps.put(None))
    thread.wake_up()
    steps.get(timeout=10)

    # Of two threads: the second one begins before the first has ended.
    thread._pause()
    thread._pause()
    thread._resume()
    thread._resume()

    steps.get(timeout=10)


def test_a_wake_up_may_come_inside_another() -> None:
    steps: SimpleQueue[None] = SimpleQueue()
    thread = BackgroundThread(lambda: steps.put(None))

    def wake_up_at_every_line(*_: object) -> Any:
        # As the garbage collector may, which runs wherever it wants.
        thread.wake_up()
        return wake_up_at_every_line

    def wake_up_within() -> None:
        sys.settrace(wake_up_at_every_line)
        thread.wake_up()
        thread.wake_up()
        sys.settrace(None)

    waker = threading.Thread(target=wake_up_within, daemon=True)
    waker.start()
    waker.join(10)

    assert not waker.is_alive()
    steps.get(timeout=10)
