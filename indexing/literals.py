"""Secrets within a text: known formats of keys and tokens, and literals that are assigned to names such as `password`.

Each search is linear: a cheap look for a fixed piece of text comes before every pattern, and all patterns are bounded.
Looks at text alone; knows no file. Start at `secret_literals`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_AROUND = r"[^\s/:@\"'`<>{}$]"
# How a secret begins, and what follows; group 1 is the secret where only a part of it is one.
_FORMATS: dict[str, re.Pattern[str]] = {
    hint: re.compile(pattern, re.ASCII)
    for hints, pattern in (
        ("AKIA ASIA ABIA ACCA AROA AIDA", r"[A-Z0-9]{16}(?![A-Z0-9])"),
        ("AIza", r"[\w-]{35,80}"),
        ("ya29.", r"[\w-]{20,2000}"),
        ("GOCSPX-", r"[\w-]{20,60}"),
        ("ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\w{30,255}"),
        ("glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glimt- glagent- gloas-", r"[\w.-]{16,300}"),
        ("xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xoxe.xoxb- xoxe.xoxp- xapp-", r"[A-Za-z0-9-]{10,300}"),
        ("hooks.slack.com/", r"(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20,200})"),
        ("/api/webhooks/", r"\d{10,25}/([\w-]{40,100})"),
        ("sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ sk_prod_", r"[A-Za-z0-9]{10,250}"),
        ("whsec_", r"[A-Za-z0-9+/=]{20,100}"),
        ("sk-", r"[A-Za-z0-9](?=[\w-]{0,60}\d)[\w-]{19,300}"),
        ("npm_", r"[A-Za-z0-9]{30,100}"),
        ("pypi-", r"[\w-]{50,500}"),
        ("SG.", r"[\w-]{16,32}\.[\w-]{16,64}"),
        ("AC SK", r"[0-9a-f]{32}(?!\w)"),
        ("key-", r"[0-9a-f]{32}(?!\w)"),
        ("eyJ", r"[\w-]{8,2000}\.[\w-]{8,8000}(?:\.[\w-]{0,4000}){0,3}"),
        ("hf_", r"[A-Za-z0-9]{30,60}"),
        ("gsk_ xai- r8_ pplx- nvapi- lin_api_ tvly-", r"[\w-]{20,200}"),
        ("dop_v1_ doo_v1_ dor_v1_", r"[0-9a-f]{40,80}"),
        ("shpat_ shpca_ shppa_ shpss_", r"[0-9a-fA-F]{20,60}"),
        ("dckr_pat_ dckr_oat_", r"[\w-]{20,60}"),
        ("sntrys_ sntryu_ glc_ glsa_", r"[\w+/=-]{20,300}"),
        ("hvs. hvb.", r"[\w-]{20,300}"),
        ("PMAK-", r"[0-9a-f]{24}-[0-9a-f]{30,40}"),
        ("NRAK- NRII- NRJS-", r"[A-Za-z0-9]{19,40}"),
        ("secret_ ntn_", r"[A-Za-z0-9]{40,60}"),
        ("figd_", r"[\w-]{30,60}"),
        ("dapi", r"[0-9a-f]{32}(?!\w)"),
        ("EAAC EAAG", r"[A-Za-z0-9]{40,300}"),
        ("AGE-SECRET-KEY-", r"(?:PQ-)?1[A-Z0-9]{40,4000}"),
        ("AccountKey= SharedAccessKey= SharedAccessSignature= sig=", r"([\w+/%-]{20,400}={0,2})"),
        ("://", _AROUND + r"{0,200}:([^\s/@\"'`<>{}$]{1,300})@"),
        ("Bearer bearer Basic basic", r" {1,4}([A-Za-z0-9._~+/-]{16,4000}={0,2})"),
    )
    for hint in hints.split()
}
# Formats whose fixed piece stands in the middle: of a bot of Telegram, and of a client of Azure.
_MIDDLES = {
    ":AA": re.compile(r"\d{8,10}:AA[\w-]{32,36}", re.ASCII),
    "Q~": re.compile(r"[\w.~-]{3}[78]Q~[\w.~-]{31,34}", re.ASCII),
}
_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----.{0,20000}?(?:-----END [A-Z0-9 ]{0,60}-----|\Z)"
    r"|-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----.{0,20000}",
    re.DOTALL,
)
# Whole lines of base64: a key block that somebody has cut.
_LINES = re.compile(
    r"(?:(?<=\n)|\A)(?:[ \t\"'#*/+]{0,40}[A-Za-z0-9+/]{60,80}={0,2}(?:\\n)?[\"',+; \t]{0,8}\r?\n){2,2000}"
    r"(?:[ \t\"'#*/+]{0,40}[A-Za-z0-9+/]{4,80}={0,2})?"
)

# Names of what is secret, by a piece of them: whole words, parts of words, and what makes a secret of a "key".
_PARTS = ("passw", "passphrase", "passcode", "secret", "token", "credential", "connectionstring", "connection_string")
_SHORT = (
    "pwd",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "conn_str",
    "dsn",
    "salt",
    "pin",
    "seed",
    "mnemonic",
    "creds",
)
_KEYS = re.compile(
    r"(?:api|access|auth|account|private|sign(?:ing)?|encrypt(?:ion)?|master|shared|licen[cs]e|client|webhook|deploy|service"
    r"|db|database|admin|session|storage|hmac|cipher|aes|jwt|app|application|consumer|subscription|security|ssh|gpg)[_-]?$"
)
_ASSIGNED = re.compile(
    r"[\w.-]{0,60}[\"'`\]]{0,2}[ \t]{0,20}(?::[ \t]{0,4}[A-Za-z_][\w.\[\]| ,]{0,60})?"
    r"(?::=|=>|==|!=|=|:|,|\(|>)[ \t]{0,20}"
    r"(?:(?:[rbuf@$]{1,2}|[A-Za-z_.]{1,30}\()?"
    r"(?P<quote>\"\"\"|\'\'\'|[\"'`])(?P<quoted>(?:\\.|(?!(?P=quote))[^\\\n]){4,1000})"
    r"|(?P<bare>[^\s\"'`,;&(){}\[\]<>=]{6,500}={0,2}))",
    re.ASCII,
)
_PASSWORD = re.compile(r"pass|pwd|secret|cred", re.IGNORECASE)
_TEMPLATE = re.compile(r"\$\{|\{\{|\$\(|%\(|%[sdv]\b|<[A-Za-z_ -]+>|\{\w*\}|^\$\w+$|\.\.\.|…")
_SAMPLE = re.compile(
    r"^(?:x+|\*+|\.+|-+|0+|1234(?:5678?9?0?)?|changeme|change[_-]me|password|passwd|secret|token|none|null|true|false|undefined"
    r"|example|dummy|placeholder|redacted|todo|test|string|required|optional|hidden|bearer|basic)$",
    re.IGNORECASE,
)
_WORDS_ONLY = re.compile(r"[A-Za-z]+(?:[ _./:-][A-Za-z]+)*[.!?:]?", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)*", re.ASCII)
_LEAST_BITS = 3.0  # of a character, of what is random
_LEAST_RANDOM = 16
_LEAST_PASSWORD = 6


def secret_literals(text: str) -> list[tuple[int, int]]:
    """Return the spans of all secrets in a text, in order and without overlaps."""
    found = sorted({*_formats(text), *_blocks(text), *_assigned(text)})
    joined: list[tuple[int, int]] = []
    for start, end in found:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def is_random(value: str) -> bool:
    """Return whether a value looks as if a machine had made it: long, of several kinds of characters, without words."""
    if len(value) < _LEAST_RANDOM or " " in value or not re.search(r"\d", value) or not re.search(r"[A-Za-z]", value):
        return False
    counts = Counter(value)
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
    return bits >= _LEAST_BITS


def _formats(text: str) -> Iterator[tuple[int, int]]:
    for hint, pattern in _FORMATS.items():
        for start in _places(text, hint):
            found = pattern.match(text, start + len(hint))
            if found is None or (hint[0].isalnum() and text[start - 1 : start].isalnum()):
                continue
            yield found.span(1) if pattern.groups else (start, found.end())
    for hint, pattern in _MIDDLES.items():
        if hint in text:
            yield from (found.span() for found in pattern.finditer(text))


def _places(text: str, piece: str) -> Iterator[int]:
    start = text.find(piece)
    while start >= 0:
        yield start
        start = text.find(piece, start + len(piece))


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    if "PRIVATE KEY" in text:
        yield from (found.span() for found in _BLOCK.finditer(text))
    yield from (found.span() for found in _LINES.finditer(text))


def _assigned(text: str) -> Iterator[tuple[int, int]]:
    """Find literals behind a name that says that they are secret, and `=`, `:`, a comma or an opening bracket."""
    for start, end in _secret_names(text):
        found = _ASSIGNED.match(text, end)
        if found is None:
            continue
        group = "bare" if found["quoted"] is None else "quoted"
        if _is_secret(text[start:end], found[group], quoted=group == "quoted"):
            yield found.span(group)


def _secret_names(text: str) -> Iterator[tuple[int, int]]:
    lower = text.lower()
    if len(lower) != len(text):  # a few letters have a longer small form; places must stay the same
        lower = "".join(each.lower() if each.isascii() else each for each in text)
    for part in _PARTS:
        yield from ((start, start + len(part)) for start in _places(lower, part))
    for word in _SHORT:
        for start in _places(lower, word):
            end = start + len(word)
            if not lower[start - 1 : start].isalpha() and not lower[end : end + 1].isalpha():
                yield start, end
    for start in _places(lower, "key"):
        if _KEYS.search(lower, max(0, start - 14), start):
            yield start - 3, start + 3


def _is_secret(said: str, value: str, *, quoted: bool) -> bool:
    if len(value) < _LEAST_PASSWORD or _TEMPLATE.search(value) or _SAMPLE.match(value) or _WORDS_ONLY.fullmatch(value):
        return False
    if not quoted and _IDENTIFIER.fullmatch(value.rstrip("=")) and not _is_bare_secret(said, value.rstrip("=")):
        return False  # a call, or something that is kept elsewhere
    if is_random(value):
        return True
    kinds = sum(bool(re.search(kind, value)) for kind in (r"[a-z]", r"[A-Z]", r"\d", r"[^\w\s]"))
    return bool(_PASSWORD.search(said)) and " " not in value and kinds > 1 and not _PASSWORD.search(value)


def _is_bare_secret(said: str, value: str) -> bool:
    """Return whether what could be the name of a variable is a secret, as it stands in files of settings."""
    return "." not in value and (is_random(value) or bool(_PASSWORD.search(said) and re.search(r"\d[A-Za-z]", value)))
