"""Secrets taken out of text that leaves: URLs of channels in errors, tokens that a training script printed into its log.

``scrub`` is for text whose secrets nobody knows (a log excerpt); ``redact`` for text that may hold one that we were given;
``safe_url`` names a server without its path, its query or its password.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

MASK = "[redacted]"

_NAMED = (
    r"(?i)\b([A-Za-z0-9_.-]{0,40}(?:password|passwd|passphrase|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key|credential)s?)"
    r"([\"']?\s{0,4}[:=]\s{0,4})"
)
"""The name of a secret up to its ``=`` or ``:``; ``tokens: 4096`` and ``token_count=3`` are numbers and stay (see _is_number)."""

# Forms are the issuers' own; all repetitions are bounded, so that a hostile line costs linear time.
_FORMS = (
    r"https://hooks\.slack\.com/[^\s\"'<>]{1,300}",
    r"https://(?:discord|discordapp)\.com/api/webhooks/[^\s\"'<>]{1,300}",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{8,300}",  # Slack
    r"\bxapp-[A-Za-z0-9-]{8,300}",  # Slack, app level
    r"\bgh[oprsu]_[A-Za-z0-9]{16,255}",  # GitHub
    r"\bgithub_pat_[A-Za-z0-9_]{16,255}",
    r"\bglpat-[A-Za-z0-9_-]{16,64}",  # GitLab
    r"\bhf_[A-Za-z0-9]{16,64}",  # Hugging Face
    r"\bsk-[A-Za-z0-9_-]{16,255}",  # OpenAI, Anthropic
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # AWS
    r"\bAIza[A-Za-z0-9_-]{35}",  # Google
    r"\bnpm_[A-Za-z0-9]{36}",
    r"\bpypi-[A-Za-z0-9_-]{16,255}",
    r"\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{4,4000}\.[A-Za-z0-9_-]{4,2000}",  # JWT, RFC 7519
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,8000}?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)",
)
_ISSUED = re.compile("|".join(f"(?:{form})" for form in _FORMS), re.DOTALL)
_ASSIGNED = re.compile(_NAMED + r"(\"[^\"]{1,500}\"|'[^']{1,500}'|[^\s,;&\"'}\])]{1,500})")
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s{1,4})([A-Za-z0-9+/._~-]{8,2000}={0,2})")
_USERINFO = re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://)([^\s/@\"'<>]{1,300})@")
_HEX_KEY = re.compile(r"(?i)\b(wandb[^\n]{0,40}?)\b([0-9a-f]{40})\b")
_NUMBER = re.compile(r"[\"']?[+-]?(?:\d[\d_.,]*(?:[eE][+-]?\d+)?[kKmMbBtTgG]?(?:/s)?|nan|inf|none|null|true|false)[\"']?", re.IGNORECASE)


def scrub(text: str) -> str:
    """``text`` with everything that looks like a secret replaced by ``[redacted]``. Never raises, never lengthens without bound.

    A number beside a name such as ``tokens`` is left: logs are full of token counts.
    """
    text = _ISSUED.sub(MASK, text)
    text = _USERINFO.sub(rf"\1{MASK}@", text)
    text = _BEARER.sub(rf"\1\2{MASK}", text)
    text = _HEX_KEY.sub(rf"\1{MASK}", text)
    return _ASSIGNED.sub(lambda found: found[0] if _is_no_secret(found[3]) else f"{found[1]}{found[2]}{MASK}", text)


def _is_no_secret(value: str) -> bool:
    return _NUMBER.fullmatch(value) is not None or value.startswith(MASK[:-1])


def redact(text: str, secrets: Iterable[str]) -> str:
    """``text`` without any of ``secrets``, then scrubbed. Empty and one-letter secrets are no secrets."""
    for secret in sorted((s for s in secrets if len(s) > 3), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return scrub(text)


def safe_url(url: str) -> str:
    """Scheme, host and port of ``url``: enough to know which server it is; a webhook's path and a user's password are secrets."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or ''}{port}"
    except ValueError:
        return MASK
