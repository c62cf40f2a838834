"""Secrets within a text, by their format, by their name, by where they stand, and by how random they are.

A format is that of a known kind of key; a name is one such as `password`; places are commands and headers
(`secret_places`); what was drawn at random (`randomness`) is secret whatever its name.

Each search is linear: a cheap look for a fixed piece of text comes before every pattern, and all patterns are bounded.
Looks at text alone; knows no file. Start at `find_secrets`.
"""

from __future__ import annotations

import functools
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from indexing.workspace.secrets.encoded import find_encoded
from indexing.workspace.secrets.known_values import find_known
from indexing.workspace.secrets.randomness import LEAST, compute_entropy, is_drawn_at_random
from indexing.workspace.secrets.secret_places import find_all, find_secrets_by_place, is_placeholder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
        ("Bearer bearer Basic basic", r" {1,4}([A-Za-z0-9._~+/-]{16,4000}={0,2})"),
    )
    for hint in hints.split()
}
# Hashes of passwords, which are guessed in hours.
_CRYPT = re.compile(
    r"\$2[abxy]?\$\d\d\$[\w./]{53}|\$(?:[156]|y|apr1)\$(?:[\w=./]{1,40}\$){1,2}[\w./]{22,100}"
    r"|\$argon2\w{1,2}\$[\w=,$]{1,60}\$[\w+/]{8,60}\$[\w+/]{16,200}",
    re.ASCII,
)
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
    "pass",
    "pw",
    "psw",
    "pswd",
    "kennwort",
)
_KEYS = re.compile(
    r"(?:api|access|auth|account|private|sign(?:ing)?|encrypt(?:ion)?|master|shared|licen[cs]e|client|webhook|deploy|service"
    r"|db|database|admin|session|storage|hmac|cipher|aes|jwt|app|application|consumer|subscription|security|ssh|gpg)[_-]?$"
)
_KEY = re.compile(
    r"(?i:key)[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?[0-9a-fA-F]{32,128}(?![\w-])"
)  # a name that says little
_ASSIGNED, _ANNOTATED = (
    re.compile(
        r"[\w.-]{0,60}[\"'`\]]{0,2}[ \t]{0,20}" + annotation + r"(?::=|=>|==|!=|=|:|,|\(|>)[ \t]{0,20}"
        r"(?:(?:[rbuf@$]{1,2}|[A-Za-z_.]{1,30}\()?"
        r"(?P<quote>\"\"\"|\'\'\'|[\"'`])(?P<quoted>(?:\\.|(?!(?P=quote))[^\\\n]){4,1000})"
        r"|(?P<bare>[^\s\"'`,;&(){}\[\]<>=]{6,300}={0,2}))",
        re.ASCII,
    )
    for annotation in ("", r"(?::[ \t]{0,4}[&A-Za-z_][\w.\[\]|' ,]{0,60}| string )")
)
# What a name stands beside, and its value in another attribute: `key="Password" value="..."`.
_VALUE_OF = re.compile(
    r"[\w.-]{0,60}[\"']?[\s,;>/<]{1,40}(?:(?!value)[A-Za-z:]{1,30}=[\"'][^\"'\n]{0,60}[\"'][\s>]{1,20}){0,2}[\"'<]?"
    r"(?:value|Value|default|defaultValue|content)[\"']?[ \t]{0,4}[:=>][ \t]{0,4}"
    r"(?:(?P<quote>[\"'])(?P<quoted>[^\"'\n]{4,1000})|(?P<bare>[^\s\"'`,;&(){}\[\]<>]{6,500}))",
    re.ASCII,
)
_OPTION_NAME = 40
_OPTION = re.compile(
    r"[\w-]{0,40}[\"']?(?:[= \t][ \t]{0,4}[\"']?(?P<bare>[^\s\"'`,;(){}<>|]{4,200})"
    r"|[\"'],[ \t]{0,4}[\"'](?P<listed>[^\s\"'`]{4,200})[\"'])",
    re.ASCII,
)
_BEFORE_OPTION = re.compile(
    r"(?:^|[\s\"'])--[\w-]*$|(?:^|[\s\"'])--?[\w-]{1,30}[= ][\"']?[\w.-]*$"
    r"|^\s{0,8}(?:ENV|setenv|set -gx|set -x)\s+[\w-]*$"
)
_SETTING = re.compile(
    r"\s{0,40}(?:- )?(?:(?:export|ENV|ARG|env|-e|--env|SET|set|setx)\s{1,4})*[\w.-]*"
)  # what stands before its name
_ENDS_WORD = re.compile(r"\s|\Z")
_ENDS_NAME = re.compile(
    r"(?:ord|d)?s?(?P<closed>[\"'\]]{0,2})(?P<space>(?: string)?[ \t]{0,20})(?P<sign>:=|=>|[:=,>])", re.IGNORECASE
)
_LITERAL = re.compile(
    r"[ \t]{0,20}(?:[&A-Za-z_][\w.\[\]|' ,]{0,60}=[ \t]{0,4})?[rbuf@$]{0,2}[\"'`]{1,3}"
)  # no call of `_ASSIGNED`
_SETTER = re.compile(
    r"(?:define|set\w{0,20}|put\w{0,20}|env|add|property|pair)\s?\(\s{0,4}[\"'][\w.-]*$", re.IGNORECASE
)
_WEAK = re.compile(r"[\w!@#$%^&*?+-]+", re.ASCII)
_ENDS_LINE = re.compile(r"[\"']?[ \t]{0,20}(?:[\r\n]|\Z)")
_TYPE = re.compile(
    r"(?:[a-z]+\.)?[A-Z][a-z]+(?:[A-Z][a-z]+)*|str|bytes|int|bool|char|integer|number|float|func|self|args?|this|pw\w*|input|raw"
)
_LOGIN = re.compile(
    r"(?<![a-z])(?:db_?)?(?:user(?:[_-]?name)?|login|email|host(?:name)?|adapter|server|uid|database)"
    r"[\"'\]]{0,2}[ \t]{0,20}"
    r"(?:[:=]|=>|,)[ \t]{0,20}(?:(?P<q>[\"'])[\w.@/:-]{1,100}(?P=q)|[\w.@/:-]{1,100}[ \t]{0,20}(?:[\r\n]|\Z))",
    re.IGNORECASE | re.ASCII,
)
_LEAST_WEAK = 4
_NEAR = 300  # characters around a password within which a login is named
_PASSWORD = re.compile(r"pass|pwd?|psw|secret|cred|kennwort", re.IGNORECASE)
_PATTERN = re.compile(r"\(\?|\[\S*\w-\w|\{\d+,?\d*\}|\\[dwsbnrt]")
_WORDS_ONLY = re.compile(r"[.#/]?[A-Za-z]+(?:[ _./:-][A-Za-z]+)*[.!?:]?", re.ASCII)
_VERSION = re.compile(r"[\^~<>=v ]{0,3}\d+(?:\.\w+)*(?:-[\w.]+)?")
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)*", re.ASCII)
_HEAD = 200  # characters of a block that are looked at
_BEFORE = 80  # characters before a value that may say what it is
_PUBLIC = re.compile(r"-----BEGIN (?!.{0,40}PRIVATE)[A-Z0-9 ]{1,60}-----[^-]{0,80}$|base64,\s{0,4}$", re.DOTALL)
# A run of what keys are made of, without the words of a path before it.
_TOKEN = re.compile(rf"(?<![A-Za-z0-9+/_-])(?:[a-z-]{{0,20}}/){{0,20}}+(?P<v>[A-Za-z0-9+/_-]{{{LEAST},}}+={{0,2}})")
# What says that a value is a hash, a public key, or data.
_HASHED = re.compile(
    r"(?:\bsha-?\d|sha\d|md5|\bh1:|integrity|checksum|digest|hash|fingerprint|etag|ssh-|ecdsa-|ed25519|base64,|revision"
    r"|commit|signature|x509|public|pubkey|alphabet|charset|mangled)[^\n]{0,40}$",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"(?<![\\\w])[\"'`]([!-&(-\[\]-_a-~]{12,64})[\"'`]")
_STRONG = re.compile(r"[!#$%^&*?@~+=]")
_WORD = re.compile(r"[a-z]{5,}|[A-Z]{5,}")
_CODE = re.compile(
    r"[\[({<]\S*[\])}>]|%[-0-9.]*[sdrfxv](?![A-Za-z0-9])|(?:%[A-Za-z][^%]?){2}|\\|//|&&|\|\||\$\w|[.,:;/=|&]\S*[.,:;/=|&]\S*[.,:;/=|&]|^[#.]|\.\w{1,4}$"
)
_LEAST_BITS = 3.0  # of a character, of what is random
_LEAST_RANDOM = 16
_LEAST_PASSWORD = 6


def find_secrets(text: str, *, unnamed: bool = True) -> list[tuple[int, int]]:
    """Return the spans of all secrets in a text, in order and without overlaps.

    Args:
        text: the text.
        unnamed: also find random values that no name, place or known format marks as secret.
    """
    found = _find_plain(text, unnamed=unnamed)
    others = {*find_known(text), *find_encoded(text, lambda plain: _find_plain(plain, unnamed=unnamed))}
    return _join_overlapping({*found, *others}) if others else found


def _find_plain(text: str, *, unnamed: bool) -> list[tuple[int, int]]:
    """Return the spans of secrets that a text holds as they are; see `find_secrets`."""
    known = _join_overlapping(
        {*_find_formats(text), *_find_key_blocks(text), *_find_assigned(text), *find_secrets_by_place(text)}
    )
    return _join_overlapping({*known, *_find_random(text, known)}) if unnamed else known


def replace_secrets(text: str, placeholder: str) -> str:
    """Return `text` with `placeholder` in place of each secret that `find_secrets` finds."""
    for start, end in reversed(find_secrets(text)):
        text = f"{text[:start]}{placeholder}{text[end:]}"
    return text


def _join_overlapping(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans in order, with overlapping ones joined."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def has_high_entropy(value: str) -> bool:
    """Return whether a value has 16 characters or more, letters and digits, no space, and high entropy."""
    if len(value) < _LEAST_RANDOM or " " in value or not re.search(r"\d", value) or not re.search(r"[A-Za-z]", value):
        return False
    return compute_entropy(value) >= _LEAST_BITS


def _find_formats(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of keys in a known format, and of hashes of passwords."""
    for hint, pattern in _FORMATS.items():
        for start in find_all(text, hint):
            found = pattern.match(text, start + len(hint))
            if found is None or (hint[0].isalnum() and text[start - 1 : start].isalnum()):
                continue
            yield found.span(1) if pattern.groups else (start, found.end())
    if "$" in text:
        yield from (found.span() for found in _CRYPT.finditer(text))
    for hint, pattern in _MIDDLES.items():
        if hint in text:
            yield from (found.span() for found in pattern.finditer(text))


def _find_key_blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of private keys and of blocks of base64 that may be one."""
    if "PRIVATE KEY" in text:
        yield from (found.span() for found in _BLOCK.finditer(text))
    yield from (span for span, secret in _find_base64_blocks(text) if secret)


def _find_base64_blocks(text: str) -> Iterator[tuple[tuple[int, int], bool]]:
    """Yield the spans of blocks of whole lines of base64, and whether each may be a private key.

    It may if its letters have both cases and the text before it calls it neither public nor base64 data.
    """
    for found in _LINES.finditer(text):
        head = found[0].strip()[:_HEAD]
        mixed = re.search(r"[a-z]", head) and re.search(r"[A-Z]", head)
        yield found.span(), bool(mixed) and not _PUBLIC.search(text, max(0, found.start() - _BEFORE), found.start())


def _find_random(text: str, known: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the spans of values that look drawn at random, and of strong passwords in quotes, whatever their name.

    Skips random values that overlap `known`, or that the text before them calls a hash, public or data.
    """
    taken = _join_overlapping({*known, *(span for span, _ in _find_base64_blocks(text))})
    at = 0
    for found in _TOKEN.finditer(text):
        start, end = found.span("v")
        while at < len(taken) and taken[at][1] <= start:
            at += 1
        if (at < len(taken) and taken[at][0] < end) or not is_drawn_at_random(found["v"]):
            continue
        line = max(text.rfind("\n", max(0, start - _BEFORE), start) + 1, start - _BEFORE, 0)
        if not _HASHED.search(text, line, start):
            yield start, end
    yield from (found.span(1) for found in _QUOTED.finditer(text) if _is_strong_password(found[1]))


def _is_strong_password(value: str) -> bool:
    """Return whether a quoted value of letters, digits and signs is a password, and no pattern, format or code."""
    plain = re.sub(r"[^A-Za-z0-9]", "", value)
    if len(plain) < len(value) * 0.6 or not all(re.search(kind, plain) for kind in ("[a-z]", "[A-Z]", r"\d")):
        return False
    if not _STRONG.search(value) or _WORD.search(value) or _CODE.search(value) or is_placeholder(value):
        return False
    kinds = re.sub(r"[^A-Za-z0-9]", "!", re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d", "0", value))))
    changes = sum(one != other for one, other in pairwise(kinds))
    return changes >= 0.5 * len(value) and compute_entropy(value) >= _LEAST_BITS


def _find_assigned(text: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each value after `=`, `:`, a comma, a bracket or an option, if its name marks it as secret."""
    for start, end in _find_parts_of_secret_names(text):
        for pattern in (_ASSIGNED, _ANNOTATED, _VALUE_OF):
            found = pattern.match(text, end)
            group = "quoted" if found is not None and found["quoted"] is not None else "bare"
            if found is None or (group == "bare" and re.search("[,(]", text[end : found.start("bare")])):
                continue  # a name in a list, before the name of something else
            beside = pattern is _VALUE_OF
            if _is_assigned_secret(text, (start, end), found, group, beside=beside):
                yield found.span(group)
                break
        else:
            found = _OPTION.match(text, end)
            line = text[max(0, start - _OPTION_NAME) : start].rpartition("\n")[2]
            if found is None or not _BEFORE_OPTION.search(line):
                continue
            group = found.lastgroup or ""
            if not is_placeholder(found[group]) and not _WORDS_ONLY.fullmatch(found[group]):
                yield found.span(group)


def _is_assigned_secret(text: str, name: tuple[int, int], found: re.Match[str], group: str, *, beside: bool) -> bool:
    """Return whether the value in `group` of the match `found` is a secret, given the span of its name.

    `beside`: the value is in another attribute than the name, as in `key="password" value="..."`.
    """
    said, value, quoted = text[slice(*name)], found[group], group == "quoted"
    if _is_secret_value(said, value, quoted=quoted):
        return True
    if not _PASSWORD.search(said) or len(value) < _LEAST_WEAK or not _WEAK.fullmatch(value):
        return False
    if is_placeholder(value) or _PASSWORD.search(value) or _TYPE.fullmatch(value):
        return False
    return beside or _is_weak_password(text, name, found.span(group), quoted=quoted)


def _is_weak_password(text: str, name: tuple[int, int], span: tuple[int, int], *, quoted: bool) -> bool:
    """Return whether the word at `span` is a password: the whole value of a setting or an option, or near a login."""
    name_end = _ENDS_NAME.match(text, name[1])
    if name_end is None:
        return False
    start, end = span
    sign = name_end["sign"]
    before = text[max(0, name[0] - _OPTION_NAME) : name[0]].rpartition("\n")[2]
    digits = re.search(r"\d", text[start:end]) is not None
    if sign == ">":
        return text.startswith("</", end) and (digits or not name_end["closed"])
    if quoted:
        no_call = _LITERAL.fullmatch(text, name_end.end(), start) is not None
        return no_call if sign != "," else _SETTER.search(before) is not None
    alone = sign == "=" and not name_end["space"] and start == name_end.end()
    if alone and (_BEFORE_OPTION.search(before) or (_SETTING.fullmatch(before) and _ENDS_WORD.match(text, end))):
        return True
    if not _ENDS_LINE.match(text, end):
        return False
    return (digits and sign == ":") or _is_beside_login(text, start, end)


def _is_beside_login(text: str, start: int, end: int) -> bool:
    """Return whether the text around [start, end) names a user, host or database."""
    return _LOGIN.search(text, max(0, start - _NEAR), end + _NEAR) is not None


def _find_parts_of_secret_names(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of parts of names which say that the value after the name is secret: `passw` in `password`."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters have a longer small form; places must stay the same
        lower = "".join(each.lower() if each.isascii() else each for each in text)
    for part in _PARTS:
        yield from ((start, start + len(part)) for start in find_all(lower, part))
    for word in _SHORT:
        for start in find_all(lower, word):
            end = start + len(word)
            begins = not lower[start - 1 : start].isalpha() or (
                text[start].isupper() and text[start - 1].islower()
            )  # camelCase
            if begins and not (lower[end : end + 1].isalpha() and text[end : end + 1].islower()):
                yield start, end
    for start in find_all(lower, "key"):
        if _KEYS.search(lower, max(0, start - 14), start):
            yield start - 3, start + 3
        elif _KEY.match(text, start) and text[start - 1 : start] in {"", " ", "\t", "\n", '"', "'"}:
            yield start, start + 3


@functools.lru_cache(maxsize=1024)
def _is_secret_value(name: str, value: str, *, quoted: bool) -> bool:
    """Return whether `value` looks like a secret, given the `name` it is assigned to and whether it was quoted."""
    if (
        len(value) < _LEAST_PASSWORD
        or is_placeholder(value)
        or _WORDS_ONLY.fullmatch(value)
        or _VERSION.fullmatch(value)
    ):
        return False
    if value.startswith("//") or _PATTERN.search(value) or (quoted and "." in value and _IDENTIFIER.fullmatch(value)):
        return False
    if not quoted and _IDENTIFIER.fullmatch(value.rstrip("=")) and not _is_bare_secret(name, value.rstrip("=")):
        return False  # a call, or something that is kept elsewhere
    if has_high_entropy(value) or is_drawn_at_random(value, _LEAST_RANDOM):
        return True
    kinds = sum(bool(re.search(kind, value)) for kind in (r"[a-z]", r"[A-Z]", r"\d", r"[^\w\s]"))
    names_itself = _PASSWORD.search(value) and re.fullmatch(r"[A-Za-z_.:/ -]*\d?", value)  # "password_confirmation"
    return bool(_PASSWORD.search(name)) and " " not in value and kinds > 1 and not names_itself


def _is_bare_secret(name: str, value: str) -> bool:
    """Return whether `value`, which has no quotes, is a secret and not a variable that is assigned to `name`.

    It is one if it looks random, or if `name` is that of a password and a digit is before a letter.
    """
    digit_first = re.search(r"\d[A-Za-z]", value)
    return "." not in value and (has_high_entropy(value) or bool(_PASSWORD.search(name) and digit_first))
