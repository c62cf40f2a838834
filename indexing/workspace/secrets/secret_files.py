"""Names and contents of files that hold secrets: credentials, keys, histories, states, and copies of them.

Files that hold secrets beside much else and are written by hand stay in; their values are masked before they are sent
(`indexing.workspace.secrets.literals`): `config.yml`, `database.yml`, `appsettings.json`, `settings.py`, `.bashrc`,
`gradle.properties`. What is of a real stage (`appsettings.Production.json`), a store, or of no use but to log in is
kept back. Looks at one name or one text; reads no disk.
Start at `is_secret_name` and `holds_secret`.
"""

from __future__ import annotations

import functools
import re

from indexing.workspace.secrets.literals import find_secrets

SECRET_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".password-store", ".gcloud", ".chef"})
"""Folders of which nothing is shown, in lower case."""

_HEAD = 1 << 16  # characters of a content that are looked at
_MOST_COPIES = 24  # names that are tried for one: `.env.bak.old~` is a copy of a copy of a copy

_DATA = (
    r"(json5?|jsonc|ya?ml|toml|ini|cfg|conf|config|txt|xml|properties|csv|tsv|enc|plist|env|asc|db|sqlite3?|dat|bin)"
)
_STAGE = r"(prod(uction)?|stag(e|ing)|dev(elopment)?|test(ing)?|qa|uat|local|live|ci|docker|shared|base|private)"
_MODEL = r"(example|sample|template|tmpl|tpl|dist|defaults?|schema)"
_WORDS = r"(credentials?|creds|secrets?|passwords?|passwd|passphrases?|api[_-]?keys?|(auth|access)[_-]?tokens?)"
_SHELLS = (
    r"(bash|zsh|sh|ksh|fish|t?csh|ash|python|node_repl|irb|pry|psql|mysql|sqlite|mariadb|mongo(sh|db)?|rediscli|lua"
    r"|php|ghci|scala|gdb|lldb|r|julia|octave|isql|sqlcmd|pgcli|mycli|nu|pwsh|xonsh)"
)
_STORES = re.compile(
    r"\.(pem|key|p12|pfx|p8|pkcs(8|12)|jks|jceks|bks|keystore|kdbx?|ppk|gpg|pgp|asc|ovpn|age|agekey|wallet|keytab)$"
    r"|\.(keychain(-db)?|psafe3|agilekeychain|opvault|publishsettings|cscfg|rdp|private_key|tfplan|kwl)$"
    r"|^[\w.-]+[._-](rsa|dsa|ecdsa|ed25519)$|^id_(rsa|dsa|ecdsa|ed25519|xmss)(_sk)?([_-].+)?$|^ssh_host_\w+_key$",
    re.IGNORECASE,
)
_NAMES = re.compile(
    rf"^\.env\d*([._-].+)?$|^.+\.env(\.{_STAGE})?$|^env\.{_STAGE}$|^\.?envrc([._-].+)?$|^\.flaskenv$"
    rf"|^\.([\w-]+\.)?vars(\.{_STAGE})?$|^\.[\w-]+[_-]{_WORDS}$"
    r"|^[._](netrc|npmrc|pypirc|pgpass|ht(passwd|digest)|my\.cnf|mylogin\.cnf|git-credentials|vault-token|vault[_-]pass"
    r"(word)?|s3cfg|boto|dockercfg|yarnrc(\.ya?ml)?|terraformrc|erlang\.cookie|passwd-s3fs|smbcredentials|msmtprc"
    r"|fetchmailrc|muttrc|mbsyncrc|offlineimaprc|databrickscfg|authinfo|curlrc|wgetrc|rhosts"
    r"|gitcookies|dockerconfigjson|clasprc\.json|wget-hsts|ngrok\.ya?ml|xauthority|iceauthority)$"
    r"|^(google-services\.json|googleservice-info\.plist|kaggle\.json|pgpass\.conf|cwallet\.sso|private[_-]?key\.(txt|json|xml))$"
    r"|^[\w-]*credentials\.tfrc\.json$|^(docker[_-]?config|(gcp|gcloud|sa)[_-]?key)s?\.json$|^[\w-]*(recovery|backup)[_-]codes?\.txt$"
    r"|^(logins\.json|key[34]\.db|cookies\.(txt|sqlite))$|^local\.settings\.json$|^my\.cnf$"
    r"|^(([\w-]+[._-])?vault\.(ya?ml|json)|sftp(-config)?\.json|\.ftpconfig|\.remote-sync\.json|deployment-config\.json|\.tugboat"
    r"|proftpdpasswd|\.e?smtprc|ventrilo_srv\.ini|dbeaver-data-sources\.xml|robomongo\.json|webservers\.xml"
    r"|datasources\.local\.xml|configuration\.user\.xpl|localsettings\.php|[\w-]+\.history)$"
    r"|^appsettings\.(prod(uction)?|stag(e|ing)|live|local|qa|uat|secrets?|private)\.json$"
    r"|^(dot|_)(netrc|npmrc|pypirc|pgpass)$"
    rf"|^\.?{_WORDS}([._-]{_STAGE})*(\.{_DATA})*$|[._-]{_WORDS}([._-]{_STAGE})*\.{_DATA}$"
    rf"|^{_STAGE}{_WORDS}\.{_DATA}$|^(client[_-]?secrets?|application_default_credentials).*\.{_DATA}$"
    rf"|(firebase[_-]?adminsdk|service[_-]?account(s|[_-]?keys?)?)([._-].*)?\.(json5?|p12|enc)$"
    r"|^(adc|token|rootkey|accesstokens|azureprofile|gha-creds-.+|msal_token_cache)\.(json|csv|pickle|bin)$"
    r"|_accesskeys\.csv$|\.(tfvars|tfstate)(\.json)?$|^terraform\.tfstate(\..+)?$|^terraform\.rc$"
    rf"|^kube[_-]?config([_-][\w-]+)?(\.(ya?ml|conf|json|{_STAGE}))?$|\.kubeconfig(\.ya?ml)?$|^\.?htpasswd$|^g?shadow-?$|^master\.passwd$"
    rf"|^[._]{_SHELLS}[_-]?hist(ory)?$|^{_SHELLS}_history$|^\.(histfile|lesshst|viminfo|rhistory|history)$"
    r"|^consolehost_history$|^wp-config([._-].*)?\.php$|^(filezilla|sitemanager|recentservers|winscp)\.(xml|ini)$|^wg\d+\.conf$"
    r"|^(vault|ansible([._-]vault)?)[._-]?(pass(word)?|key)(\.ya?ml)?$|\.secrets?$|^wallet\.(dat|json)$|^(key|keystore|signing)\."
    r"properties$|^utc--\d{4}-",
    re.IGNORECASE,
)
_PATHS = re.compile(
    r"(^|/)(\.?docker/config\.json|kubernetes/[\w-]+\.conf|\.purple/accounts\.xml|gh/hosts\.yml|\.m2/settings(-security)?\.xml|\.oci/config|rclone\.conf"
    r"|\.config/gcloud/.+|\.subversion/auth/.+|\.git/config|\.config/op/config"
    r"|\.(huggingface|cache/huggingface)/token|\.(config/)?composer/auth\.json|\.config/hub|\.(netlify|ngrok2|config/ngrok)/.+"
    r"|\.(vercel|local/share/com\.vercel\.cli)/auth\.json|\.wrangler/config/.+|\.fly/config\.yml|\.snowsql/config|\.dbt/profiles\.ya?ml"
    r"|\.gradle/gradle\.properties|\.nuget/nuget\.config|\.bundle/config)$",
    re.IGNORECASE,
)
# Whether its values are made up, by its name: `.env.example`.
_MADE_UP = re.compile(rf"[._-]{_MODEL}([._-]\w+)?$|^{_MODEL}[._-]", re.IGNORECASE)
# What people and programs add to the name of a copy, behind it and before it.
_COPY_END = re.compile(
    r"(~|\.(bak\d*|bk|backup|old|orig|original|saved?|sav|sw[nop]x?|te?mp|copy|rej|dpkg-(old|dist|new)|rpm(save|new|orig)"
    r"|pac(new|save)|un~|prev|disabled|off|deleted|removed|\d{1,14}|txt|gz|b64|base64)"
    r"|[ ._-]+(copy|backup|bak|old|orig|saved?|kopie|copie)([ ._-]*\d+)?|[ _]?\(\d+\)"
    r"|[._-]\d{4}-?\d{2}-?\d{2}([t._-]?\d+)?"
    r"|[@~;^][\w{}~^=-]{0,60}(\.\d+)*|,v| \([^()]{1,40}\)|\.~\d+~|\.r\d+)$",  # a version
    re.IGNORECASE,
)
_COPY_BEGIN = re.compile(
    r"^(copy[ _-]of[ _-]|kopie von |(old|backup|bak|orig)[._-]|#|~\$?|\.#|\.~|\.(?=\.))", re.IGNORECASE
)
# A revision before a name: `HEAD:id_rsa`.
_REVISION_BEGIN = re.compile(r"^[^:]{1,80}:(?=[^:])")
# Modules that may hold code about secrets, or secrets; what is in them decides.
_SOURCE = re.compile(
    rf"(^|[._-])({_WORDS}|local_?settings|settings_?local|secret_?settings)([._-][^.]*)*\.(pyw?|[cm]?jsx?|[cm]?tsx?|rb|go|java|kts?|scala|cs|php|rs|swift|[ch]|cc|[ch]pp|m|p[lm]"
    r"|lua|sh|bash|zsh|fish|psm?1|groovy|gradle|r|dart|exs?|erl|clj|hs|jl|vb|tf|hcl|nix)$",
    re.IGNORECASE,
)

# What stands between the parts of a key in a string or a comment; taken whole, so that nothing is tried in two ways.
_BETWEEN = r"(?:\\[rn]|[\s\"'+*#/|>;,\\-])"
_KEY_BLOCK = re.compile(
    rf"-----BEGIN (?:[A-Z0-9]{{1,20}} ){{0,4}}PRIVATE KEY(?: BLOCK)?-----{_BETWEEN}{{0,60}}+"
    rf"(?:[A-Za-z-]{{3,20}}+: (?:[^\n\\]{{0,80}}+(?=[\n\\])|[^\s\\]{{1,80}}+){_BETWEEN}{{1,60}}+){{0,4}}"
    r"[A-Za-z0-9+/=]{16}"
)
_KEY_FILE = re.compile(r"\s*-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_OTHER_KEYS = re.compile(r"^PuTTY-User-Key-File-\d:|AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{40}", re.MULTILINE)
# The keys of a cluster, and the logins of Docker, whatever their file is called (`admin.conf`).
_CLUSTER = re.compile(r"client-key-data[\"']?:\s{0,4}[\"']?[A-Za-z0-9+/]{40}")
_REGISTRIES = re.compile(
    r"\"auths\"\s{0,9}:\s{0,9}\{.{0,400}?\"(?:auth|identitytoken)\"\s{0,9}:\s{0,9}\"[\w+/=.-]{8}", re.DOTALL
)
_SERVICE_ACCOUNT = re.compile(r"[\"']private_key(?:_id)?[\"']\s{0,20}:\s{0,20}[\"'](?:-----BEGIN|[0-9a-f]{32})")


@functools.lru_cache(maxsize=8192)
def is_secret_name(name: str) -> bool:
    """Return whether a file of this name, or the file that it is a copy of by its name, holds secrets."""
    tried = [_normalize_name(name)]
    for one in tried:
        if _STORES.search(one) or (_NAMES.search(one) and not _MADE_UP.search(one)):
            return True
        if len(tried) < _MOST_COPIES:
            tried += [other for other in _list_originals(one) if other not in tried]
    return False


def is_secret_path(path: str) -> bool:
    """Return whether a path, with "/" between its parts, names a file that holds secrets, by its name or folders."""
    folder, _, name = path.rpartition("/")
    name, folder = _normalize_name(name), _normalize_folder(folder)
    names = (name, *_list_originals(name))
    return is_secret_name(name) or any(_PATHS.search(f"{folder}/{one}") for one in names)


def is_secret_folder(name: str) -> bool:
    """Return whether all files in a folder of this name are secret."""
    return _normalize_name(name).lower() in SECRET_FOLDERS


def holds_secret(text: str, name: str = "") -> bool:
    """Return whether the start of `text` holds a private key, a login of a cluster or the like.

    Also return true if `name` is that of a module about secrets and any literal in it looks secret.
    """
    head = text[:_HEAD]
    if "PRIVATE KEY" in head and (_KEY_FILE.match(head) or _KEY_BLOCK.search(head)):
        return True
    if ("AGE-SECRET-KEY" in head or "PuTTY-User-Key" in head) and _OTHER_KEYS.search(head):
        return True
    if "private_key" in head and _SERVICE_ACCOUNT.search(head):
        return True
    if "client-key-data" in head and _CLUSTER.search(head):
        return True
    if '"auths"' in head and _REGISTRIES.search(head):
        return True
    return is_secrets_module(name) and bool(find_secrets(head, unnamed=False))


@functools.lru_cache(maxsize=8192)
def is_secrets_module(name: str) -> bool:
    """Return whether source code of this name, such as `credentials.py`, is withheld if it holds secret literals.

    So are the files that are copies of such a file by their names.
    """
    name = _normalize_name(name)
    return any(_SOURCE.search(one) for one in (name, *_list_originals(name)))


def _list_originals(name: str) -> list[str]:
    """Return the names of files that a file called `name` may be a copy, a version or a stream of; [] for none."""
    stem, dot, extension = name.rpartition(".")
    shorter = [_COPY_END.sub("", name), _COPY_BEGIN.sub("", name), _REVISION_BEGIN.sub("", name)]
    shorter += [name.removesuffix("#"), name.partition(":")[0]]  # the latter: a named stream on Windows, ".env:hidden"
    if stem and dot:
        shorter.append(_COPY_END.sub("", stem) + dot + extension)  # "secrets - Copy.json"
    return [one for one in dict.fromkeys(shorter) if one not in {name, "", "."}]


@functools.lru_cache(maxsize=1024)
def _normalize_folder(folder: str) -> str:
    """Return a path, with "/" between its parts, each of them normalised by `_normalize_name`."""
    return "/".join(map(_normalize_name, folder.split("/")))


def _normalize_name(name: str) -> str:
    """Return `name` without white space around it, a stream's type (`::$DATA`), and dots and spaces at its end.

    Windows opens the same file or folder without them. Returns `name` itself if nothing is left, as for "..".
    """
    return name.partition("::")[0].partition(":$")[0].strip(" \t\u00a0").rstrip(" .") or name
