"""One thing sent to several servers at the same time, of which one is enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread

from monitor.notify.channel import DeliveryError
from monitor.redact import safe_url


def to_each(urls: Sequence[str], post: Callable[[str], str]) -> str:
    """Call ``post`` with each of ``urls``, side by side; what came of it in a few words. Raises DeliveryError where none took it.

    Waits for all: each call is bounded by itself, and a server that hangs must not get the next message before this one.
    """
    if len(urls) == 1:
        return post(urls[0])
    answers: SimpleQueue[tuple[str, str | DeliveryError]] = SimpleQueue()

    def call(url: str) -> None:
        try:
            answers.put((url, post(url)))
        except DeliveryError as failed:
            answers.put((url, failed))
        except Exception as failed:  # a fault in one call must not leave the others waited for
            answers.put((url, DeliveryError(type(failed).__name__)))

    for url in urls:
        Thread(target=call, args=(url,), name="server", daemon=True).start()
    told = [answers.get() for _ in urls]
    failures = [(url, said) for url, said in told if isinstance(said, DeliveryError)]
    if len(failures) == len(urls):
        waits = [said.retry_after_s for _, said in failures if said.retry_after_s is not None]
        permanent = all(said.permanent for _, said in failures)
        raise DeliveryError("; ".join(str(said) for _, said in failures), permanent=permanent, retry_after_s=min(waits, default=None))
    took = f"{len(urls) - len(failures)} of {len(urls)} servers took it"
    return f"{took}, not {', '.join(safe_url(url) for url, _ in failures)}" if failures else took
