"""Where the server listens: the address as a user writes it, and the bound socket. Binding is all that happens here.

``HOST:PORT``, ``[::1]:PORT``, ``:PORT`` (every interface), ``PORT`` (loopback) or ``unix:/path``. Port 0 is any free one.
The default port steps aside when it is taken; an explicit one is an error, since somebody will look for it there.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 10311
_TRIED_PORTS = 100
_BACKLOG = 128


class ListenError(OSError):
    """The address is no address, or it cannot be had; the text is one line for the user."""


@dataclass(frozen=True, slots=True)
class Address:
    """A place to listen at: a host and port, or a Unix socket's path."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    path: Path | None = None

    @property
    def local(self) -> bool:
        """Whether only this machine (loopback) or this user (a socket file) can reach it."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def url(self, *, tls: bool = False) -> str:
        """How a browser reaches it; a wildcard is shown as this machine's name. ``unix:PATH`` has no URL and stays."""
        if self.path is not None:
            return f"unix:{self.path}"
        host = socket.gethostname() if self.host in {"", "0.0.0.0", "::"} else self.host  # noqa: S104  (shown, not bound)
        return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"


def parse(written: str) -> Address:
    """The address that ``written`` names. Raises ListenError."""
    if written.startswith("unix:"):
        path = written.removeprefix("unix:").removeprefix("//")
        if not path:
            raise ListenError(f"`{written}` names no socket; write unix:/path/to/socket")
        return Address(path=Path(path).expanduser())
    host, colon, port = written.rpartition(":")
    if not colon and not port.isdecimal():
        host, port = port, str(DEFAULT_PORT)
    elif not colon:
        host = DEFAULT_HOST
    if not written.strip() or not port.isdecimal() or int(port) > 65535:
        raise ListenError(f"`{written}` is no address; write HOST:PORT, such as {DEFAULT_HOST}:{DEFAULT_PORT}, or unix:/path")
    if host.startswith("[") != host.endswith("]") or (":" in host and not host.startswith("[")):
        raise ListenError(f"`{written}` is no address; an IPv6 address stands in brackets: [::1]:{DEFAULT_PORT}")
    return Address(host.strip("[]"), int(port))


def bind(written: str | None) -> tuple[socket.socket, Address]:
    """A listening socket and its true address. None is the default address, whose port may step aside. Raises ListenError."""
    if written is None:
        return _bind_near(Address())
    address = parse(written)
    if address.path is not None:
        return _bind_unix(address.path), address
    return _bind_tcp(address)


def _bind_near(address: Address) -> tuple[socket.socket, Address]:
    for port in range(address.port, address.port + _TRIED_PORTS):
        with contextlib.suppress(ListenError):
            return _bind_tcp(Address(address.host, port))
    return _bind_tcp(Address(address.host, 0))


def _bind_tcp(address: Address) -> tuple[socket.socket, Address]:
    try:
        family, _, _, _, place = socket.getaddrinfo(address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise ListenError(f"cannot listen at {address.host}: {error.strerror or error}") from None
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        taken = "the port is taken" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
        raise ListenError(f"cannot listen at {address.host or '*'}:{address.port}: {taken}") from None
    return bound, Address(address.host, bound.getsockname()[1])


def _bind_unix(path: Path) -> socket.socket:
    """A socket file that only its owner may open. A file that a killed watcher left is replaced, a living one is an error."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear_stale(path)
        bound.bind(str(path))
        # Before listen(), so there is no moment at which another user could connect.
        os.chmod(path, 0o600)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise ListenError(f"cannot listen at unix:{path}: {error.strerror or error}") from None
    return bound


def _clear_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "a file that is no socket stands there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise OSError(errno.EADDRINUSE, "the socket is taken")
