"""Threads that work beside the application, and that end before a fork."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

_PAUSE_AFTER_ERROR = 1.0


class BackgroundThread:
    """A thread that calls a function again and again, from the first `wake_up`.

    It ends before a fork and starts again in the parent: a child inherits locks, but no
    threads. Keep one for the life of the process.
    """

    def __init__(self, step: Callable[[], float | None]) -> None:
        """Prepare the thread.

        Args:
            step: Does the work that is due. Returns the seconds until it is to be
                called again, or None if that is not before the next `wake_up`.
        """
        self._step = step
        self._thread: threading.Thread | None = None
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._pause,
                after_in_parent=self._resume,
                after_in_child=self._reset,
            )

    def wake_up(self) -> None:
        """Have the function called now."""
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._run, daemon=True)
            with self._lock:
                if self._thread is None:
                    self._start(thread)
        if self._wake.empty():
            self._wake.put(None)

    def _start(self, thread: threading.Thread) -> None:
        self._is_stopping = False
        self._thread = thread
        try:
            thread.start()
        except BaseException:
            # The process can have no further thread now: it is tried again.
            self._thread = None
            raise

    def _run(self) -> None:
        while not self._is_stopping:
            pause: float | None = _PAUSE_AFTER_ERROR
            try:
                pause = self._step()
            except Exception:  # noqa: BLE001
                _report_exception()
            with suppress(Empty):
                self._wake.get(timeout=pause)

    def _pause(self) -> None:
        with self._lock:
            if self._thread is not None:
                self._must_resume = True
                self._is_stopping = True
                self._wake.put(None)
                self._thread.join()
                self._thread = None

    def _resume(self) -> None:
        # Another thread may fork meanwhile, and have ended it again.
        with self._lock:
            if self._must_resume:
                self._must_resume = False
                self.wake_up()

    def _reset(self) -> None:
        # Both reentrant: the garbage collector may roll back a connection that was lost,
        # and so wake the watchdog, at any time.
        self._lock = threading.RLock()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._thread = None
        self._is_stopping = False
        self._must_resume = False


def _report_exception() -> None:
    """Report what is being handled as if it had ended the thread, which goes on."""
    thread = threading.current_thread()
    threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))
