"""Addresses as users write them, and sockets as they are had."""

from __future__ import annotations

import contextlib
import socket
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.serve.listen import DEFAULT_HOST, DEFAULT_PORT, Address, ListenError, bind, parse

WRITTEN = [
    ("127.0.0.1:9000", Address("127.0.0.1", 9000)),
    ("localhost:9000", Address("localhost", 9000)),
    (":9000", Address("", 9000)),
    ("9000", Address(DEFAULT_HOST, 9000)),
    ("login1", Address("login1", DEFAULT_PORT)),
    ("[::1]:9000", Address("::1", 9000)),
    ("unix:/run/x.sock", Address(path=Path("/run/x.sock"))),
    ("unix:///run/x.sock", Address(path=Path("/run/x.sock"))),
]


@pytest.mark.parametrize(("written", "address"), WRITTEN)
def test_an_address_means_what_it_says(written: str, address: Address) -> None:
    assert address == parse(written)


@pytest.mark.parametrize("written", ["127.0.0.1:http", "::1:9000", "[::1:9000", "host:70000", "unix:", ""])
def test_what_is_no_address_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(ListenError, match=r"127\.0\.0\.1:10311|\[::1\]:10311|unix:/path"):
        parse(written)


@given(st.text(max_size=40))
def test_no_text_makes_it_stumble(written: str) -> None:
    with contextlib.suppress(ListenError):
        assert 0 <= parse(written).port <= 65535


def test_an_explicit_port_that_is_taken_is_an_error() -> None:
    held, address = bind("127.0.0.1:0")
    with held, pytest.raises(ListenError, match="the port is taken"):
        bind(f"127.0.0.1:{address.port}")


def test_the_default_port_steps_aside_when_it_is_taken() -> None:
    first, one = bind(None)
    second, two = bind(None)
    with first, second:
        assert DEFAULT_HOST == one.host == two.host
        assert one.port < two.port


def test_only_loopback_and_socket_files_are_local() -> None:
    local = {"127.0.0.1": True, "127.8.8.8": True, "::1": True, "localhost": True, "0.0.0.0": False, "": False, "login1": False}
    assert local == {host: Address(host).local for host in local}
    assert Address(path=Path("/x")).local


def test_a_url_is_one_that_a_browser_takes() -> None:
    assert "http://127.0.0.1:10311" == Address().url()
    assert "https://[::1]:9" == Address("::1", 9).url(tls=True)
    assert f"http://{socket.gethostname()}:9" == Address("0.0.0.0", 9).url()


def test_a_socket_file_is_its_owners_alone(tmp_path: Path) -> None:
    bound, _ = bind(f"unix:{tmp_path / 's'}")
    with bound:
        assert 0o600 == stat.S_IMODE((tmp_path / "s").stat().st_mode)


def test_a_socket_file_left_by_a_killed_watcher_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    left, _ = bind(f"unix:{path}")
    left.close()
    living, _ = bind(f"unix:{path}")
    with living, pytest.raises(ListenError, match="the socket is taken"):
        bind(f"unix:{path}")


def test_a_file_that_is_no_socket_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(ListenError, match="no socket stands there"):
        bind(f"unix:{path}")
    assert "mine" == path.read_text()
