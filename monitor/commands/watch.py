"""``watch``: follow logs, judge, alert, serve metrics and the page; with ``--once`` read what is new, judge, send, leave."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from monitor import __version__
from monitor.chartimage import chart_of
from monitor.commands.channels import the_channels
from monitor.commands.check import baseline_document
from monitor.commands.inputs import fail, no_jobs_yet, say, say_json, the_formats, the_rules, warn
from monitor.commands.publish import NOTHING, PublishOptions, published
from monitor.daemon import Daemon
from monitor.eventline import event_line
from monitor.events.signatures import signatures
from monitor.ink import wants_color
from monitor.lock import Locked, StateLock
from monitor.mistake import ConfigErrors
from monitor.notify.channel import charted
from monitor.notify.present import present
from monitor.outbox import SCHEMA as OUTBOX_SCHEMA
from monitor.outbox import Delivery
from monitor.pipeline import Pipeline
from monitor.rulesfile import load_rules
from monitor.secretfile import read_secret
from monitor.silences import SCHEMA as SILENCES_SCHEMA
from monitor.store import StateError, Store, default_state_path
from monitor.tail.discover import STDIN, looks_expanded
from monitor.tail.shard import Shard
from monitor.tail.tailer import Tailer
from monitor.views import EXIT_CODES, worst_verdict
from rules.alert import Transition
from rules.spec import Rulebook

WAIT_S = 0.5
BEAT_S = 60.0
LAST_SEND_S = 0.6
"""What a watcher that is told to stop gives its last messages; what is unsent then goes out with the next start."""
SEND_ONCE_S = 60.0
"""How long ``--once`` waits for its messages to be delivered; the rest goes out with the next call."""


@dataclass(frozen=True)
class WatchOptions:
    """What the command line of ``watch`` said."""

    rules: Path | None = None
    once: bool = False
    json: bool = False
    state: Path | None = None
    listen: str | None = None
    formats: tuple[Path, ...] = ()
    forced: str | None = None
    serve: bool = True
    token_file: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    page_url: str | None = None
    publish: PublishOptions = NOTHING
    shard: Shard | None = None

    def over(self, held: Mapping[str, str]) -> WatchOptions:
        """The same, with what the environment and the configuration file say where the command line is silent."""
        token = self.token_file or (Path(held["token_file"]) if "token_file" in held else None)
        state = self.state or (Path(held["state"]) if "state" in held else default_state_path())
        listen, page_url = self.listen or held.get("listen"), self.page_url or held.get("page_url")
        return replace(self, token_file=token, state=state, listen=listen, page_url=page_url)


def watch(paths: Sequence[str], options: WatchOptions) -> int:
    """0 where it was told to stop; with ``--once`` the code of the verdict."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="loss-watch: %(message)s")
    no_jobs_yet(paths)
    book, engine = the_rules(options.rules)
    held = the_channels(book, options.rules)
    catalogue = the_formats(options.formats, options.forced)
    if not options.once:
        catalogue = catalogue.read_whole()
        signatures()
    options = options.over(held.options)
    state = options.state or default_state_path()
    lock = StateLock(state)
    try:
        lock.take()
    except (Locked, OSError) as wrong:
        fail(wrong)
    try:
        store = Store(state, OUTBOX_SCHEMA + SILENCES_SCHEMA)
        channels = charted(held.channels, chart_of(lambda: daemon.snapshot))
        delivery = Delivery(state, channels)
        pipeline = Pipeline(engine, catalogue, forced=options.forced)
        daemon = Daemon(pipeline, store, channels, delivery, time.time, __version__, book.label, baseline_document(book.baseline))
        delivery.present = lambda: present(daemon.snapshot, daemon.page_url)
        store.set_meta("rules_label", book.label)
        store.set_meta("rules_path", str(options.rules.absolute()) if options.rules else "")
        if not options.once and (hint := looks_expanded(paths)):
            warn(hint)
        return _once(paths, daemon, options) if options.once else _follow(paths, daemon, lock, options)
    except StateError as wrong:
        fail(wrong)
    finally:
        lock.release()


def _lines(options: WatchOptions) -> Callable[[Transition], None]:
    """How transitions are printed: JSON lines, or one line each."""
    color = wants_color()

    def as_json(told: Transition) -> None:
        say_json(told.as_json())
        sys.stdout.flush()

    def as_line(told: Transition) -> None:
        say(event_line(told, color, clock_s=told.time_s))
        sys.stdout.flush()

    return as_json if options.json else as_line


def _once(paths: Sequence[str], daemon: Daemon, options: WatchOptions) -> int:
    daemon.listener = _lines(options)
    daemon.patience_s, daemon.by_log_clock = 0.0, True
    tailer = Tailer(paths, daemon.resume(), notify=False, shard=options.shard)
    tailer.start()
    try:
        while daemon.turn(tailer, 0.2) or not tailer.ended():
            pass
        daemon.turn(tailer, 0.0, tick=True)
    finally:
        tailer.stop()
    daemon.beat()
    daemon.delivery.settle(SEND_ONCE_S)
    daemon.delivery.stop()
    for path in tailer.waiting():
        warn(f"{path}: nothing to read yet")
    return EXIT_CODES[worst_verdict(run.verdict for run in daemon.snapshot.runs)]


def _follow(paths: Sequence[str], daemon: Daemon, lock: StateLock, options: WatchOptions) -> int:
    stopping = threading.Event()
    daemon.stubborn = True
    tailer = Tailer(paths, daemon.resume(), shard=options.shard)
    hup = threading.Event()
    only_piped, last_send_s = set(paths) == {STDIN}, LAST_SEND_S
    with _signals(stopping, hup, tailer.hush), _served(daemon, options), _shown(daemon, options):
        tailer.start()
        daemon.delivery.start()
        beaten_s = time.monotonic()
        unsaid = True
        while not stopping.is_set():
            if hup.is_set():
                hup.clear()
                daemon.reload(_reread(options.rules))
            if not daemon.turn(tailer, WAIT_S) and only_piped and tailer.ended():
                daemon.patience_s, last_send_s = 0.0, SEND_ONCE_S
                daemon.turn(tailer, 0.0, tick=True)
                break
            if unsaid and daemon.ready:
                unsaid = False
                for path in tailer.waiting():
                    if os.path.abspath(path) not in daemon.failing:
                        warn(f"{path}: nothing to read yet, waiting for it")
            lock.beat()
            if time.monotonic() - beaten_s > BEAT_S:
                beaten_s = time.monotonic()
                daemon.beat()
        tailer.stop()
        daemon.beat()
        daemon.delivery.settle(last_send_s)
        daemon.delivery.stop(0.3)
    return 0


def _reread(rules: Path | None) -> Rulebook | None:
    """The rules as they are now; None, with the mistakes on stderr, where they cannot be used."""
    try:
        book = load_rules(rules)
    except ConfigErrors as wrong:
        warn(f"the rules stay as they were:\n{wrong}")
        return None
    warn(f"{book.label} read again: {len(book.rules)} rules")
    return book


@contextmanager
def _signals(stopping: threading.Event, hup: threading.Event, hush: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT set ``stopping`` and call ``hush``; a second one leaves at once. SIGHUP sets ``hup``: read the rules again."""

    def stop(number: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        stopping.set()
        hush()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda _number, _frame: hup.set())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _served(daemon: Daemon, options: WatchOptions) -> Iterator[None]:
    """The HTTP server beside the loop; an address that cannot be had is an error, the default one steps aside."""
    if not options.serve:
        with published(lambda: daemon.snapshot, str, options.publish):
            yield
        return
    from monitor.serve.server import ListenError, Server, Tls
    from monitor.serve.silences import StoredSilences

    if (options.tls_certificate is None) != (options.tls_key is None):
        fail("--tls-cert and --tls-key go together")
    tls = Tls(options.tls_certificate, options.tls_key) if options.tls_certificate and options.tls_key else None
    silences = StoredSilences(daemon.store.path)
    server = Server(lambda: daemon.snapshot, options.listen, token=_token(options.token_file), tls=tls, silences=silences)
    try:
        server.start()
    except ListenError as wrong:
        fail(wrong)
    daemon.page_url = options.page_url or server.url
    daemon.store.set_meta("address", server.url)
    for note in server.notes:
        warn(note)
    warn(f"watching; metrics and page at {server.url}")
    try:
        with published(lambda: daemon.snapshot, lambda: server.url, options.publish):
            yield
    finally:
        server.stop()


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        token, warning = read_secret(str(path))
    except OSError as wrong:
        fail(f"{path}: the token cannot be read: {wrong.strerror}")
    if warning:
        warn(warning)
    return token


@contextmanager
def _shown(daemon: Daemon, options: WatchOptions) -> Iterator[None]:
    """The live table where stdout is a terminal, else a line a transition."""
    if options.json or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        daemon.listener = _lines(options)
        yield
        return
    from monitor.display import LiveTable

    with LiveTable(lambda: daemon.snapshot):
        yield
