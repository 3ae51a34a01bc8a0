"""What counts as a secret in a log, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.redact import MASK, redact, safe_url, scrub


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("HF_TOKEN=hf_abcdefghijklmnopqrstuvwxyz012345", "hf_abc"),
        ("using key sk-proj-abcdefghijklmnopqrstuvwx", "sk-proj"),
        ("wandb: API key 0123456789abcdef0123456789abcdef01234567 set", "0123456789abcdef"),
        ("WANDB_API_KEY: 0123456789abcdef0123456789abcdef01234567", "0123456789abcdef"),
        ("cloning https://ada:hunter2@git.example.org/x.git", "hunter2"),
        ("postgresql://ada:p%40ss@db/mlflow", "p%40ss"),
        ("Authorization: Bearer abcdefghijklmnop.qrstuv", "abcdefghijklmnop"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalr"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIA"),
        ('{"password": "correct horse battery"}', "correct horse"),
        ("posting to https://hooks.slack.com/services/T0/B0/abc", "T0/B0"),
        ("xoxb-123456789012-abcdefgh", "xoxb-1234"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJhbGci"),
        ("-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXk -----END OPENSSH PRIVATE KEY-----", "b3Blb"),
        ("github_pat_11ABCDEFG0abcdefghijkl", "11ABCDEFG0"),
    ],
)
def test_a_secret_is_masked(line: str, secret: str) -> None:
    assert secret not in scrub(line)
    assert MASK in scrub(line)


@pytest.mark.parametrize(
    "line",
    [
        "step 100 | loss 1.07 | tokens: 4096 | tokens/s 12,000",
        "num_tokens=1.2e9 max_tokens: 512",
        "Epoch 3: 45%|####5     | 100/223 [00:12<00:15, val_loss=0.35]",
        "loading checkpoint epoch=3-step=311.ckpt",
        "tokens_per_second: 12.5k",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert line == scrub(line)


words = st.sampled_from([
    "token=", "password: ", '"secret": "', "hf_abcdefghijklmnopqrst", "Bearer ", "abcdefghij", " ", "=", "https://a:b@c", "[", "]",
    "'", '"', ",", "wandb ", "0123456789abcdef0123456789abcdef01234567", "-----BEGIN PRIVATE KEY-----", "eyJhbGciOiJI.eyJhbGci.abcdefg",
    MASK,
])  # fmt: skip


@given(st.lists(st.one_of(words, st.text(max_size=5)), max_size=15).map("".join))
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    assert scrub(text) == scrub(scrub(text))


@given(st.text(max_size=500), st.text(min_size=4, max_size=40))
def test_a_known_secret_never_survives(text: str, secret: str) -> None:
    if secret not in MASK:
        assert secret not in redact(f"{text}{secret}{text}", [secret]).replace(MASK, "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.slack.com/services/T/B/x", "https://hooks.slack.com"),
        ("http://ada:pw@10.0.0.1:9093/api?key=1", "http://10.0.0.1:9093"),
        ("smtp://u:p@host:587", "smtp://host:587"),
        ("http://[::1", MASK),
    ],
)
def test_a_url_is_shown_as_its_server_only(url: str, shown: str) -> None:
    assert shown == safe_url(url)
