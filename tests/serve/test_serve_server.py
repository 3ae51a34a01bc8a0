"""The server as it runs: bound at once, stopped at once, over TCP, a Unix socket and TLS."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from conftest import needs
from serve.scenes import seed_scene

from monitor.serve.server import ListenError, Server, Tls


@contextmanager
def serving(listen: str | None = "127.0.0.1:0", *, token: str | None = None, tls: Tls | None = None) -> Iterator[Server]:
    server = Server(seed_scene, listen, token=token, tls=tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_it_serves_and_stops_within_a_second_while_a_browser_holds_on() -> None:
    with serving() as server, httpx.Client(base_url=server.url, timeout=10) as browser:
        assert "ok\n" == browser.get("/healthz").text
        assert 200 == browser.get("/metrics").status_code
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1.0
        with pytest.raises(httpx.TransportError):
            browser.get("/healthz")


def test_it_can_be_stopped_before_it_ever_served() -> None:
    server = Server(seed_scene, "127.0.0.1:0")
    server.start()
    began = time.monotonic()
    server.stop()
    server.stop()
    assert time.monotonic() - began < 2.0


def test_a_port_is_free_again_after_the_stop() -> None:
    with serving() as server:
        address = server.url.removeprefix("http://")
        httpx.get(f"{server.url}/healthz", timeout=10)
    with serving(address) as again:
        assert 200 == httpx.get(f"{again.url}/healthz", timeout=10).status_code


def test_a_taken_port_is_known_at_the_start() -> None:
    with serving() as server, pytest.raises(ListenError, match="the port is taken"):
        Server(seed_scene, server.url.removeprefix("http://")).start()


def test_the_default_port_steps_aside_and_says_so() -> None:
    with serving(None) as one, serving(None) as two:
        assert one.url != two.url
        assert f"port 10311 is taken, serving at {two.url}" in two.notes


def test_a_unix_socket_serves_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "page.sock"
    with serving(f"unix:{path}"), httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://loss-watch") as browser:
        assert 200 == browser.get("/api/v1/runs").status_code
    assert not path.exists()


def test_a_token_guards_everything_but_health() -> None:
    with serving(token="s3cret") as server, httpx.Client(base_url=server.url, timeout=10) as browser:
        assert [200, 401, 401] == [browser.get(path).status_code for path in ("/healthz", "/metrics", "/api/openapi.json")]
        assert 200 == browser.get("/metrics", headers={"authorization": "Bearer s3cret"}).status_code
        assert 200 == browser.get("/metrics", auth=("prometheus", "s3cret")).status_code


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    needs("openssl")
    folder = tmp_path_factory.mktemp("tls")
    tls = Tls(folder / "cert.pem", folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(tls.key),
         "-out", str(tls.certificate)],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    return tls


def test_tls_serves_those_who_trust_the_certificate(certificate: Tls) -> None:
    import ssl

    with serving(tls=certificate) as server:
        assert server.url.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(certificate.certificate))
        assert 200 == httpx.get(f"{server.url}/healthz", verify=trusted, timeout=10).status_code


def test_a_certificate_that_cannot_be_used_is_said_at_the_start(certificate: Tls, tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="No such file"):
        Server(seed_scene, "127.0.0.1:0", tls=Tls(tmp_path / "none.pem", certificate.key)).start()
    with pytest.raises(ListenError, match="cannot use"):
        Server(seed_scene, "127.0.0.1:0", tls=Tls(certificate.key, certificate.key)).start()


@pytest.mark.parametrize(("token", "says"), [(None, "WARNING: whoever reaches"), ("s3cret", "the token travels in clear")])
def test_a_page_beyond_loopback_says_loudly_what_it_lacks(token: str | None, says: str) -> None:
    with serving("0.0.0.0:0", token=token) as server:
        assert 1 == len(server.notes)
        assert server.notes[0].startswith(says)
        assert "s3cret" not in server.notes[0]
        assert socket.gethostname() in server.url


def test_a_local_page_has_nothing_to_remark() -> None:
    with serving() as server:
        assert () == server.notes
