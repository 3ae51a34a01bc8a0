"""What ``watch`` publishes for a Prometheus that cannot reach it: a text file, a Pushgateway's group, a target file."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from monitor.commands.inputs import fail
from monitor.snapshot import Snapshot


@dataclass(frozen=True)
class PublishOptions:
    """What the command line said of it. ``instance`` names this watcher at the Pushgateway; the machine's name where it is None."""

    textfile: Path | None = None
    pushgateway: str | None = None
    file_sd: Path | None = None
    instance: str | None = None


NOTHING = PublishOptions()


@contextmanager
def published(snapshot: Callable[[], Snapshot], url: Callable[[], str], options: PublishOptions) -> Iterator[None]:
    """Publishes while the block runs and takes it back at its end. ``url`` is where the watcher can be scraped, empty for nowhere."""
    if options == NOTHING:
        yield
        return
    from monitor.serve.filesd import announce, withdraw
    from monitor.serve.push import Pushes, Pushgateway, Target, TextFile

    targets: list[Target] = [] if options.textfile is None else [TextFile(options.textfile)]
    announced = None
    try:
        if options.pushgateway is not None:
            targets.append(Pushgateway(options.pushgateway, options.instance or socket.gethostname()))
        if options.file_sd is not None:
            announced = announce(options.file_sd, url())
    except (OSError, ValueError) as wrong:
        fail(wrong)
    pushes = Pushes(snapshot, targets)
    pushes.start()
    try:
        yield
    finally:
        pushes.stop()
        if announced is not None:
            withdraw(announced)
