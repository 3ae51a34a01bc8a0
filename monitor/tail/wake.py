"""Makes the next look at a local file come at once. Nothing rests on it: polling finds the same, a little later.

Only for file systems of this machine: of what another host writes, inotify tells nothing (inotify(7)).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

MOST_DIRECTORIES = 128
"""Each watched directory costs a thread; what lies beyond is polled."""
_KINDS = frozenset({"created", "modified", "moved", "deleted"})
"""Opened and closed come from our own reading too."""


class Wake(FileSystemEventHandler):
    """Calls ``on_change(path, appeared)`` for what happens in watched directories, from a thread of its own."""

    def __init__(self, on_change: Callable[[str, bool], None], on_failure: Callable[[str], None]) -> None:
        self._on_change = on_change
        self._on_failure = on_failure
        self._observer = Observer()
        self._lock = threading.Lock()
        self._watched: set[str] = set()
        self._failed = False
        self._observer.start()

    def watch(self, directory: str) -> None:
        """From now on announces changes in ``directory``, not below it. A directory that cannot be watched is left to polling."""
        with self._lock:
            if self._failed or directory in self._watched or len(self._watched) >= MOST_DIRECTORIES:
                return
            self._watched.add(directory)
            try:
                self._observer.schedule(self, directory, recursive=False)
            except FileNotFoundError:
                self._watched.discard(directory)
            except OSError as error:
                # ENOSPC: fs.inotify.max_user_watches; EMFILE: max_user_instances (inotify(7)).
                self._failed = True
                self._on_failure(f"changes are not announced here ({(error.strerror or str(error)).lower()}); polling goes on alone")

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in _KINDS or (event.is_directory and event.event_type == "modified"):
            return
        source = os.fsdecode(event.src_path)
        if event.is_directory and event.event_type == "deleted":
            with self._lock:
                self._watched.discard(source)
        self._on_change(source, event.event_type == "created")
        if event.dest_path:
            self._on_change(os.fsdecode(event.dest_path), True)

    def stop(self) -> None:
        self._observer.stop()
        self._observer.join(0.5)
