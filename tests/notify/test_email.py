"""Mail: what it says, its headers, and how real servers' answers are understood."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import needs
from hypothesis import given
from hypothesis import strategies as st
from servers.mail import Post, certificate, post_office
from servers.samples import CONTEXT, HOSTILE, worry

from monitor.notify.channel import DeliveryError
from monitor.notify.email import Email
from monitor.notify.smtp import Sendmail, Server, server

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def channel(deliver: object, **more: object) -> Email:
    return Email(name="email", sender="Watcher <watch@example.org>", to=("ada@example.org", "bob@example.org"), deliver=deliver, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    needs("openssl")
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def plain_office() -> Iterator[Post]:
    with post_office() as post:
        yield post


def server_of(post: Post, tls: str = "off", **more: str) -> Server:
    return Server("127.0.0.1", post.port, tls, **more)  # type: ignore[arg-type]


def test_the_mail_arrives_as_text_and_html_with_its_headers(plain_office: Post) -> None:
    channel(server_of(plain_office)).send(worry(), {})
    (letter,) = plain_office.letters
    mail = letter.mail
    assert ("watch@example.org", ["ada@example.org", "bob@example.org"]) == (letter.sender, letter.to)
    assert "13503904 worry: val_loss 1.07 at step 100, expected < 0.9" == mail["Subject"]
    assert ("auto-generated", "Watcher <watch@example.org>") == (mail["Auto-Submitted"], mail["From"])
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "val_loss 1.07 at step 100, expected < 0.9, worry above 1.0" in text
    assert "topoflow_full_finetune on 32 nodes" in html
    assert ["text/plain", "text/html"] == [part.get_content_type() for part in mail.iter_parts()]


def test_later_mails_of_a_run_answer_its_first(plain_office: Post) -> None:
    memory: dict[str, object] = {}
    mailer = channel(server_of(plain_office))
    for told in (worry(), worry(state="resolved", message="val_loss 0.88 at step 130", time_s=1.8e9), worry()):
        mailer.send(told, memory)
    first, second, again = (letter.mail for letter in plain_office.letters)
    assert (None, first["Message-ID"], first["Message-ID"]) == (first["References"], second["References"], second["In-Reply-To"])
    assert (first["Message-ID"], None) == (again["Message-ID"], again["References"])


def test_the_chart_stands_inside_the_html(plain_office: Post) -> None:
    channel(server_of(plain_office), chart=lambda told: PNG).send(worry(), {})
    mail = plain_office.letters[0].mail
    html = mail.get_body(("html",)).get_content()
    (image,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert PNG == image.get_content()
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in html
    assert "inline" == image.get_content_disposition()


def test_hostile_text_can_neither_add_a_header_nor_a_tag_nor_show_a_secret(plain_office: Post) -> None:
    told = replace(worry(message=HOSTILE, run="7\r\nBcc: all@example.org"), context=replace(CONTEXT, excerpt=(HOSTILE,)).bounded())
    channel(server_of(plain_office)).send(told, {})
    mail = plain_office.letters[0].mail
    html = mail.get_body(("html",)).get_content()
    assert (None, 1) == (mail["Bcc"], len(mail.get_all("Subject")))
    assert "<script" not in html
    assert "ghp_" not in html + mail.get_body(("plain",)).get_content()


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_makes_a_mail(run: str, message: str) -> None:
    channel(None).payload(worry(run=run, message=message)).as_bytes()


def test_starttls_and_login_to_a_server_whose_certificate_is_trusted(pair: tuple[Path, Path]) -> None:
    with post_office(tls="starttls", cert=pair, login=("ada", "pass word")) as post:
        said = channel(server(f"smtp://ada:pass%20word@127.0.0.1:{post.port}", str(pair[0]))).send(worry(), {})
        assert (1, f"accepted by 127.0.0.1:{post.port}") == (len(post.letters), said)


def test_tls_from_the_first_byte(pair: tuple[Path, Path]) -> None:
    with post_office(tls="tls", cert=pair) as post:
        channel(server(f"smtps://127.0.0.1:{post.port}?ca_file={pair[0]}")).send(worry(), {})
        assert 1 == len(post.letters)


def refused(deliver: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        channel(deliver).send(worry(), {})
    return raised.value


def test_a_certificate_that_nobody_vouches_for_is_refused_and_tried_again(pair: tuple[Path, Path]) -> None:
    with post_office(tls="starttls", cert=pair) as post:
        problem = refused(server_of(post, "starttls"))
        assert (False, []) == (problem.permanent, post.letters)
        assert "CERTIFICATE_VERIFY_FAILED" in str(problem)


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    needs("openssl")
    other = certificate(tmp_path, "mail.example.org")
    with post_office(tls="tls", cert=other) as post:
        assert "IP address mismatch" in str(refused(server_of(post, "tls", ca_file=str(other[0]))))


def test_a_server_without_starttls_gets_no_mail(plain_office: Post) -> None:
    problem = refused(server_of(plain_office, "starttls"))
    assert (False, []) == (problem.permanent, plain_office.letters)
    assert "STARTTLS" in str(problem)


def test_a_wrong_password_is_permanent_and_never_shown(pair: tuple[Path, Path]) -> None:
    with post_office(tls="starttls", cert=pair, login=("ada", "right")) as post:
        problem = refused(server(f"smtp://ada:hunter2hunter2@127.0.0.1:{post.port}", str(pair[0])))
    assert problem.permanent
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("rcpt", "data", "permanent"),
    [("550 no such user", None, True), ("451 try later", None, False), (None, "451 greylisted", False), (None, "554 spam", True)],
)
def test_4xx_is_tried_again_and_5xx_is_not(plain_office: Post, rcpt: str | None, data: str | None, permanent: bool) -> None:
    plain_office.rcpt, plain_office.data = rcpt, data
    problem = refused(server_of(plain_office))
    assert (permanent, (rcpt or data or "")[:3]) == (problem.permanent, str(problem).split(": ")[1][:3])


def test_no_server_is_tried_again() -> None:
    assert not refused(Server("127.0.0.1", 1, "off")).permanent


def test_sendmail_gets_sender_readers_and_mail(tmp_path: Path) -> None:
    program = tmp_path / "sendmail"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/args\ncat > {tmp_path}/mail\n')
    os.chmod(program, 0o755)
    assert f"taken by {program}" == channel(Sendmail(str(program))).send(worry(), {})
    assert "-i\n-f\nwatch@example.org\n--\nada@example.org\nbob@example.org\n" == (tmp_path / "args").read_text()
    assert "Auto-Submitted: auto-generated" in (tmp_path / "mail").read_text()


@pytest.mark.parametrize(("code", "permanent"), [(75, False), (67, True), (1, False)])
def test_the_exit_code_of_sendmail_says_whether_to_try_again(tmp_path: Path, code: int, permanent: bool) -> None:
    program = tmp_path / "sendmail"
    program.write_text(f"#!/bin/sh\necho told you >&2\nexit {code}\n")
    os.chmod(program, 0o755)
    problem = refused(Sendmail(str(program)))
    assert (permanent, True) == (problem.permanent, str(problem).endswith("told you"))
