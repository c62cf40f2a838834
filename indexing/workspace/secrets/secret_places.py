"""Secrets by the place where they stand: in commands, headers, addresses, logins and connection strings.

A fixed piece of text is looked for first, and a bounded pattern tried behind it, so that any text takes linear time.
Start at `find_secrets_by_place`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TEMPLATE = re.compile(
    r"\$\{|\{\{|\$\(|%\(|%[sdv]\b|<[A-Za-z_ -]+>|\{\w*\}|^\$\w+$|^%\w+%$|^@\w+@$|\.\.\.|…|^#\{|<%|^\[[A-Za-z _-]+\]$"
)
_SAMPLE = re.compile(
    r"^(?:x+|\*+|\.+|-+|0+|1234(?:5678?9?0?)?|change[_-]?(?:me|it)|pass(?:word|wd|phrase)?|pwd|pw|secrets?|tokens?|none|null"
    r"|nil|true|false|undefined|yes|no|on|off|example|dummy|placeholder|redacted|todo|test|string|str|char|bytes|text|varchar"
    r"|required|optional|hidden|bearer|basic|digest|prompt|ask|any|object|value|file|name|empty|masked|removed|foo|bar|baz"
    r"|user(?:name)?|your[_-]?\w+|my[_-]?pass(?:word|wd)?|user[_-]?pass(?:word)?|api[_-]?key)$",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Z][A-Z_]*|_*[a-z]+(?:_[a-z]+)+|_[a-z]+|\$\w+(?:->?\w*)*|\w*\[[\w:]*\]")
_LINE = 1000  # characters of a line that are looked at
_NEAR = 300  # characters around a place that may say what it is
_VALUE = r"[^\s\"'`,;<>(){}|\\]"  # a character of a word in a command
_TO = r"[\"',\s=]{1,6}"  # from an option to its value, in a shell and in a list of arguments

# What a command is called, and the options of it that a secret follows; its line is looked through once.
_COMMANDS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (names, re.compile(pattern, re.ASCII))
    for names, pattern in (
        (
            ("mysql", "mariadb", "mongodump", "mongorestore", "mongosh", "mycli"),
            (
                rf"[\"'\s]-p[\"']?({_VALUE}{{3,100}})|\s-p[\"']([^\"'\n]{{1,100}})[\"']"
                rf"|mysqladmin.{{1,200}}?\spassword\s[\"']?({_VALUE}{{3,100}})"
            ),
        ),
        (
            ("sshpass", "docker", "podman", "buildah", "skopeo", "az login"),
            rf"(?:sshpass|login).{{0,200}}?[\"'\s]-p{_TO}?({_VALUE}{{3,100}})",
        ),
        (
            ("htpasswd",),
            rf"htpasswd\s{{1,4}}-\w{{0,6}}b\w{{0,6}}\s{{1,4}}\S{{1,200}}\s{{1,4}}\S{{1,80}}\s{{1,4}}[\"']?({_VALUE}{{3,100}})",
        ),
        (("redis-cli", "ipmitool", "snmpget", "snmpwalk"), rf"[\"'\s]-[aAXP]{_TO}({_VALUE}{{4,100}})"),
        (("ldapsearch", "ldapadd", "ldapmodify", "ldapwhoami", "ldapdelete"), rf"[\"'\s]-w{_TO}({_VALUE}{{3,100}})"),
        (("sqlcmd", "bcp ", "isql", "osql"), rf"[\"'\s]-P{_TO}?({_VALUE}{{3,100}})"),
        (("smbclient", "rpcclient", "smbmap", "winexe"), rf"[\"'\s]-U{_TO}?[\w\\/.@-]{{1,80}}%({_VALUE}{{3,100}})"),
        (("7z", "unzip", "zip -", "rar a"), rf"\s-[pP] ?[\"']?({_VALUE}{{3,100}})"),
        (("sqlplus", "expdp", "impdp", "thin:"), r"(?:\s|thin:|[\"'=])[\w.$-]{1,40}/[\"']?([^\s\"'`@/]{1,80})[\"']?@"),
        (("pass:",), rf"-pass(?:in|out|)\s{{1,4}}[\"']?pass:({_VALUE}{{3,100}})"),
        (("chpasswd",), r"[\"'\s][\w.-]{1,40}:([^\s\"'|]{3,100})[\"']?\s{0,4}\|"),
        (("sudo -S",), r"(?:echo|printf|<<<)\s{0,4}[\"']?([^\s\"'|]{3,100})[\"']?(?:\s|\||$)"),
        (("useradd", "usermod"), rf"\s(?:-p|--password)[ =][\"']?({_VALUE}{{3,100}})"),
        (("requirepass", "masterauth"), rf"(?:pass|auth)\s{{1,4}}[\"']?({_VALUE}{{3,100}})"),
        (
            ("add_user", "change_password"),
            rf"(?:user|word)\s{{1,4}}[\w.-]{{1,80}}\s{{1,4}}[\"']?({_VALUE}{{3,100}})(?![^\"'\s])",
        ),
        (("server community",), r"community\s{1,4}(\S{3,100})\s{1,4}(?:RO|RW|ro|rw)"),
        (("SecureString",), r"String\s{1,4}(?:-String\s{1,4})?[\"']([^\"'\n]{3,100})[\"']"),
        (("net use ",), r"/user:\S{1,80}\s{1,4}([^\s/*]{3,100})"),
        (("keytool", "jarsigner"), rf"-\w{{0,10}}(?:store|key)pass\s{{1,4}}[\"']?({_VALUE}{{3,100}})"),
        (("openssl",), rf"\senc\b.{{0,200}}?\s-k\s{{1,4}}[\"']?({_VALUE}{{3,100}})"),
        (("net user", "NET USER"), r"(?:user|USER)\s{1,4}[\w.-]{1,40}\s{1,4}([^\s/*]{3,100})\s{1,4}/(?:add|ADD)"),
    )
)
_BEHIND = frozenset({"chpasswd", "pass:", "sudo -S"})  # names that stand behind the secret
# What stands before the secret, and what follows; group "v" is the secret.
_PLACES: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (hints, re.compile(pattern, re.ASCII | re.IGNORECASE))
    for hints, pattern in (
        (
            ("uthorization", "UTHORIZATION"),
            (
                r"[\"'`\])]{0,3}\s{0,4}(?:[:=,(]|=>|(?=[\"'])){1,2}\s{0,4}[fbru]?[\"'`]?\s{0,4}[a-z][\w-]{0,24}\s{1,4}"
                r"(?:(?:[a-z_]{1,20}=)[\"']?)?(?P<v>[^\s\"'`,;<>{}$()]{6,4000})"
            ),
        ),
        (
            ("machine",),
            (
                r"\s{1,20}\S{1,200}\s{1,20}(?:(?:login|account|user)\s{1,20}\S{1,80}\s{1,20}){0,2}(?:password|passwd)\s{1,20}"
                r"[\"']?(?P<v>[^\s\"']{3,200})"
            ),
        ),
        (
            ("\nlogin", "\nuser", "\nusername", " login", " user", " username", "\tlogin", "default login"),
            (
                r"\s{1,20}[^\s,.;()]{1,80}\s{1,20}(?:(?:account|secret|privilege|port)\s{1,20}\S{1,80}\s{1,20}){0,2}"
                r"(?:password|passwd|pass|secret)\s{1,20}(?:[05789]\s{1,4})?[\"']?"
                r"(?P<v>(?=[^\s\"']{0,199}[\d!@#$%^&*?~])[^\s\"']{3,200}|[^\s\"']{3,200}(?=[ \t]{0,20}[\r\n]))"
            ),
        ),
        (
            ("dentified by", "DENTIFIED BY", "with password", "WITH PASSWORD", " PASSWORD"),
            r"\s{1,4}[\"'](?P<v>[^\"'\n]{3,200})[\"']",
        ),
        (
            (
                "auth",
                "Auth",
                "AUTH",
                "login",
                "Login",
                "redential",
                "redentials",
                "ogon",
                "Password",
                "connect",
                "Connect",
            ),
            (
                r"\w{0,20}[\"']?\s{0,4}[=:]?>?\s{0,4}[(\[]\s{0,20}[fbru]?(?P<q>[\"'`])[^\"'`\s]{1,80}(?P=q)\s{0,4},\s{0,20}[fbru]?(?P<p>[\"'`])"
                r"(?P<v>[^\"'`\s]{4,200})(?P=p)\s{0,20}(?:[)\].]|,\s{0,4}(?:function|async|\(|\w{1,20} ?=))"
            ),
        ),
        (
            ("onnect", "getConnection", "mysqli", "PDO", "dial", "Dial"),
            r"\w{0,20}\s{0,4}\(\s{0,20}[^\s,()]{1,200},\s{0,20}[\"'][^\"'\s]{1,80}[\"']\s{0,4},\s{0,20}[\"'](?P<v>[^\"'\s]{4,200})[\"']",
        ),
        (
            ("wd=", "WD=", "ssword=", "SSWORD="),
            r"[\"'{]?(?P<v>[^;\"'\s&<>{}()|,\[\]]{1,200}+)(?=[;\"'\s&<}]|,\w|\Z)",
        ),
    )
)
_CONNECTION = {  # what else stands in the line of a connection string
    hint: re.compile(
        r"\b(?:uid|user(?:[ _]?(?:id|name))?|server|host|data source|database|initial catalog|dsn|driver|ssl)="
        r"|:\d{2,5},",
        re.IGNORECASE,
    )
    for hint in ("wd=", "WD=", "ssword=", "SSWORD=")
}
_CURL = re.compile(r"[\"']?(?:[\"',\s=]{0,6})[^\s\"':/]{0,80}:(?P<v>[^\s\"'`)/][^\s\"'`)]{2,200})")
# a token in the user's place, and no password
_CURL_USER = re.compile(
    r"[\"']?(?:[\"',\s=]{0,6})(?P<v>(?=[A-Za-z_.+=~-]{0,80}\d)(?=[\d_.+=~-]{0,80}[A-Za-z])[\w.+=~-]{8,200}):(?=[\s\"'`)]|\Z)"
)
_USER_AT = re.compile(r"[^\s/:@\"'`<>]{0,200}:(?P<v>[^\s/\"'`<>]{1,300})@(?=[\w\[$%{.-])")
_SLASHED = re.compile(
    r"[^\s/:@\"'`<>]{1,200}:(?P<v>(?!\d{0,5}[/?#])[^\s\"'`<>@]{1,300}(?:@[^\s/\"'`<>@]{1,100}/[^\s\"'`<>@]{1,100})?)@(?=\w)"
)


def is_placeholder(value: str) -> bool:
    """Return whether a value is no real secret: a template, an example, a variable, or one repeated character."""
    return bool(_TEMPLATE.search(value) or _SAMPLE.match(value) or _NAME.fullmatch(value)) or len(set(value)) < 2


def find_all(text: str, piece: str) -> Iterable[int]:
    """Return the offsets of `piece` in `text`, in order and without overlaps."""
    return _find_each(text, piece) if piece in text else ()  # hundreds of pieces are looked for, and few are there


def _find_each(text: str, piece: str) -> Iterator[int]:
    """Yield the offsets of `piece` in `text`, in order and without overlaps."""
    start = text.find(piece)
    while start >= 0:
        yield start
        start = text.find(piece, start + len(piece))


def find_secrets_by_place(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of values in places that hold secrets, such as options, headers and addresses, in no order."""
    yield from _find_in_commands(text)
    yield from _find_in_addresses(text)
    yield from _find_user_options(text)
    for hints, pattern in _PLACES:
        for hint in hints:
            for start in find_all(text, hint):
                found = pattern.match(text, start + len(hint))
                if found is None or is_placeholder(found["v"]):
                    continue
                near = _CONNECTION.get(hint)
                if near is None or near.search(*_make_search_arguments(text, start, found.end())):
                    yield found.span("v")


def _make_search_arguments(text: str, start: int, end: int) -> tuple[str, int, int]:
    """Return arguments of `Pattern.search` that limit it to the line around [start, end), and to `_NEAR` characters."""
    first = text.rfind("\n", max(0, start - _NEAR), start) + 1 or max(0, start - _NEAR)
    last = text.find("\n", end, end + _NEAR)
    return text, first, last if last >= 0 else end + _NEAR


def _find_in_commands(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of secrets in the arguments of known commands."""
    for names, pattern in _COMMANDS:
        for name in names:
            done = 0
            for start in find_all(text, name):
                if start < done:
                    continue
                done = text.find("\n", start, start + _LINE)
                done = done if done >= 0 else start + _LINE
                begin = (
                    max(text.rfind("\n", max(0, start - _NEAR), start) + 1, start - _NEAR, 0)
                    if name in _BEHIND
                    else start
                )
                for found in pattern.finditer(text, begin, done):
                    group = found.lastindex or 0
                    if not is_placeholder(found[group]):
                        yield found.span(group)


def _find_in_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of passwords in `scheme://user:password@host`, which may contain signs such as `@` and `$`."""
    for start in find_all(text, "://"):
        found = _USER_AT.match(text, start + 3) or _SLASHED.match(text, start + 3)
        if found is not None and (len(found["v"]) == 1 or not is_placeholder(found["v"])):
            yield found.span("v")


def _find_user_options(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of secrets in options like `-u user:password` and `-u token:` of programs that speak HTTP."""
    for option in ("-u", "--user", "-U", "--proxy-user", "--auth", "-a "):
        for start in find_all(text, option):
            found = _CURL.match(text, start + len(option)) or _CURL_USER.match(text, start + len(option))
            if found is None or found["v"].isdigit() or is_placeholder(found["v"]):
                continue
            around = text[max(0, start - _NEAR) : found.end() + _NEAR].lower()
            if "curl" in around or "http" in around or "wget" in around:
                yield found.span("v")
