"""A process that enqueues numbered notifications, one a transaction, and delivers them; started anew after each kill (test_kill.py)."""

from __future__ import annotations

import sqlite3
import sys
import time

from monitor.config import settings
from monitor.notify.notification import notification
from monitor.notify.queue import open_count
from monitor.outbox import SCHEMA, Delivery, enqueue
from rules.alert import Transition


def main(path: str, count: int) -> None:
    channels = settings(environ=None).channels
    connection = sqlite3.connect(path, isolation_level=None, timeout=15)
    connection.executescript(SCHEMA + "CREATE TABLE IF NOT EXISTS done(number INTEGER PRIMARY KEY);")
    delivery = Delivery(path, channels)
    delivery.start()
    first = connection.execute("SELECT coalesce(max(number) + 1, 0) FROM done").fetchone()[0]
    for number in range(first, count):
        told = Transition(f"run{number % 3}", 1, f"rule{number}", "pattern", "warning", "firing", float(number), 1.0, f"alert {number}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO done VALUES(?)", (number,))
        enqueue(connection, notification(told.run, "transitions", float(number), (told,)), channels, time.time())
        connection.execute("COMMIT")
        delivery.wake()
        time.sleep(0.005)  # as a log grows; what is tested is the kill, not the speed
    deadline = time.monotonic() + 60
    while open_count(connection) and time.monotonic() < deadline:
        delivery.settle(1)
    delivery.stop()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
