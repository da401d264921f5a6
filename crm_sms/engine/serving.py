"""The web service as a program: it wakes workers, ends in good order, and may hold the worker."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from crm_sms.bootstrap import App
from crm_sms.engine.wake import wake_of

TakeWebhooks = Callable[[App, Callable[[], object]], None]
"""Serves until a signal ends it, and calls what it is given after each commit (`web.serve`)."""


class _Told(BaseException):
    """A signal said that it is enough; nothing that handles errors may take it for one."""


def _tell(number: int, frame: object) -> None:
    raise _Told


def _at_signals(handler: Callable[[int, Any], None] | signal.Handlers) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def serve(app: App, take_webhooks: TakeWebhooks, *, with_worker: bool) -> bool:
    """Take webhooks until SIGTERM or SIGINT, and wake the worker, here or elsewhere, for them.

    False if a request of the worker was still under way at the end.
    """
    wake = wake_of(app.ledger)
    stop = None
    # The server shuts down at a signal and then raises it again; one that comes before the server
    # listens for signals must end us as well.
    _at_signals(_tell)
    try:
        stop = _start_worker(app) if with_worker else None
        take_webhooks(app, wake.notify)
    except _Told:
        pass
    finally:
        _at_signals(signal.SIG_IGN)
        ended = stop() if stop else True
        wake.close()
    return ended


def _start_worker(app: App) -> Callable[[], bool]:
    """Start a worker; what stops it. Without one, its libraries are not needed."""
    from crm_sms.engine.worker import Worker

    worker = Worker(app, wake_of(app.ledger))
    worker.start()
    return worker.stop
