"""The HTTP server in a thread of its own. The only importer of uvicorn.

``start`` binds at once, so that a taken port is known and the address can be printed, and leaves the slow imports (fastapi takes
0.4 s) to the thread: the first requests wait in the kernel's queue. ``stop`` does not wait for a browser that holds on.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.serve import listen as listening
from monitor.serve.listen import Address, ListenError
from monitor.serve.silences import Silences
from monitor.snapshot import Snapshot

if TYPE_CHECKING:
    import socket

    import uvicorn

__all__ = ["ListenError", "Server", "Tls"]

STOP_WITHIN_S = 0.8


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate chain and its key, as PEM files."""

    certificate: Path
    key: Path


class Server:
    """Serves ``snapshot()`` at ``listen`` (None: the default address, whose port may step aside).

    ``token``: what every request but the health probes must carry. ``silences``: where the page keeps them; None offers none.
    After ``start``, ``url`` says where it is, ``notes`` what the user should be told.
    """

    def __init__(
        self, snapshot: Callable[[], Snapshot], listen: str | None = None, *, token: str | None = None, tls: Tls | None = None,
        silences: Silences | None = None,
    ) -> None:  # fmt: skip
        self._snapshot = snapshot
        self._listen = listen
        self._token = token
        self._tls = tls
        self._silences = silences
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._uvicorn: uvicorn.Server | None = None
        self.address: Address | None = None
        self.url = ""
        self.notes: tuple[str, ...] = ()

    def start(self) -> None:
        """Bind, and serve in a daemon thread. Raises ListenError where the address or the certificate cannot be had."""
        if self._tls is not None:
            _check(self._tls)
        bound, self.address = listening.bind(self._listen)
        self.url = self.address.url(tls=self._tls is not None)
        self.notes = tuple(self._remarks(self.address))
        self._thread = threading.Thread(target=self._serve, args=(bound, self.address), name="serve", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop within ``STOP_WITHIN_S`` and take a socket file away. Twice is once."""
        self._stopping.set()
        if self._uvicorn is not None:
            self._uvicorn.should_exit = self._uvicorn.force_exit = True
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)
        if self.address is not None and self.address.path is not None:
            self.address.path.unlink(missing_ok=True)

    def _remarks(self, address: Address) -> list[str]:
        remarks = []
        if self._listen is None and address.port != listening.DEFAULT_PORT:
            remarks.append(f"port {listening.DEFAULT_PORT} is taken, serving at {self.url}")
        if not address.local and not self._token:
            remarks.append(f"WARNING: whoever reaches {self.url} can read these runs: set a token, or listen at {listening.DEFAULT_HOST}")
        elif not address.local and self._tls is None:
            remarks.append(f"the token travels in clear to {self.url}: give a certificate, or use a tunnel")
        return remarks

    def _serve(self, bound: socket.socket, address: Address) -> None:
        import uvicorn

        from monitor.serve.access import Access
        from monitor.serve.api import application

        certificate, key = (None, None) if self._tls is None else (str(self._tls.certificate), str(self._tls.key))
        app = Access(application(self._snapshot, self._silences), token=self._token, hosts=_names(address))
        config = uvicorn.Config(
            app, log_config=None, log_level="error", access_log=False, lifespan="off", http="h11", ws="none", loop="asyncio",
            server_header=False, proxy_headers=False, timeout_keep_alive=30, timeout_graceful_shutdown=1,
            ssl_certfile=certificate, ssl_keyfile=key,
        )  # fmt: skip
        self._uvicorn = uvicorn.Server(config)
        if self._stopping.is_set():
            bound.close()
            return
        # The thread of a daemon that ends may be cut at any place; what it says then helps nobody.
        with contextlib.suppress(SystemExit):
            self._uvicorn.run(sockets=[bound])


def _names(address: Address) -> list[str] | None:
    """By which names the page may be asked for: any beyond loopback, where aliases are many and the user was warned already.

    Any too over a socket file: curl must be given some name, and no web site finds a file.
    """
    return None if address.path is not None or not address.local else [address.host.lower()]


def _check(tls: Tls) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"cannot use {tls.certificate} with {tls.key}: {error.strerror or error}") from None
