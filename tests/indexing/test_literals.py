"""Secrets within a text: each known format is found whole, ordinary code is left alone, and nothing takes long."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from indexing.literals import secret_literals

A, H, N = "Zx81kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6Ps", "0123456789abcdef" * 4, "123456789012"
ALONE = [
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyD" + A[:32] + "4x",
    "ya29." + A,
    "GOCSPX-" + A[:28],
    "ghp_" + A + "0123456",
    "github_pat_" + A + "_" + A,
    "glpat-" + A[:20],
    "xoxb-" + N + "-" + N + "-" + A,
    "xapp-1-" + A,
    "sk_live_" + A,
    "rk_test_" + A,
    "whsec_" + A,
    "sk-" + A,
    "sk-proj-" + A,
    "sk-ant-api03-" + A,
    "npm_" + A + "ABCDE",
    "pypi-AgEIcHlwaS5vcmc" + A * 2,
    "SG." + A[:22] + "." + A + A[:12],
    "AC" + H[:32],
    "SK" + H[:32],
    "key-" + H[:32],
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + A,
    "hf_" + A + "ABCD",
    "gsk_" + A,
    "dop_v1_" + H,
    "shpat_" + H[:32],
    "dckr_pat_" + A,
    "hvs." + A,
    "PMAK-" + H[:24] + "-" + H[:34],
    "glc_" + A,
    "1234567890:AAH" + A + "x",
    "AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2,
]
WITHIN = [
    ("postgres://admin:{}@db.example.com/app", "q8ZkvT2x0Wm"),
    ("https://hooks.slack.com/services/{}", "T0123/B0123/" + A),
    ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey={};EndpointSuffix=x", A * 2 + "=="),
    ("Server=db;User Id=sa;Password={};Encrypt=true", "q8Zk!vT2x0"),
    ("https://a.blob.core.windows.net/c?sv=2020&sig={}", A + "%3D"),
    ("Authorization: Bearer {}", A),
    ('password = "{}"', "q8Zk!vT2x0"),
    ("DB_PASSWORD={}", "hunter2-q8Zk"),
    ('{{"client_secret": "{}"}}', "q8Zk~vT2x0Wm4Lp"),
    ("self.api_key: str = '{}'", A),
    ('"awsSecretAccessKey": "{}"', "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ('os.environ.get("API_TOKEN", "{}")', A),
    ("  POSTGRES_PASSWORD: {}", "q8ZkvT2x0"),
    ("const SESSION_KEY = `{}`", A),
    ('private static final String SIGNING_KEY = "{}";', H),
    ("encryption_key => '{}'", A),
    ("token = b'{}'", A),
    ('set_password("{}")', "q8Zk!vT2x0"),
]
PLAIN = """
def token_hex(nbytes=None): return token_bytes(nbytes).hex()
password = os.environ["DB_PASSWORD"]
password = getpass.getpass("Password: ")
api_key = settings.api_key
api_key: str | None = None
API_KEY = "changeme"
secret = get_secret("projects/app/secrets/db")
token = "<your token>"
headers = {"Authorization": f"Bearer {token}"}
url = "https://user:${PASSWORD}@host"
url = f"https://{user}:{password}@host"
label = "Enter your new password again"
<input type="password" name="password" />
if password != confirm_password: raise ValueError("passwords differ")
for token in tokens: key = token.lower()
self.access_token = response.json()["access_token"]
commit = "0123456789abcdef0123456789abcdef01234567"
version = "sha256:0123456789abcdef"
uuid = "123e4567-e89b-12d3-a456-426614174000"
import { createHash } from "node:crypto"
key-value pairs and sk-learn, eyJ is how a JWT begins, AC and SK are states
PRIVATE_KEY_HEADER = "BEGIN"
password = password.encode("utf-8")
self.assertEqual(secrets.compare_digest(a, "aé"))
""".strip().splitlines()


@pytest.mark.parametrize("secret", ALONE)
def test_a_known_format_is_found_whole_wherever_it_stands(secret: str) -> None:
    for text in (secret, f'x = "{secret}"\n', f"// {secret}, and more", f"curl -u {secret} https://a.b"):
        found = [text[start:end] for start, end in secret_literals(text)]
        assert secret in found


@pytest.mark.parametrize(("text", "secret"), WITHIN)
def test_a_literal_with_a_telling_name_is_found(text: str, secret: str) -> None:
    whole = f"a = 1\n{text.format(secret)}\nb = 2\n"
    assert secret in [whole[start:end] for start, end in secret_literals(whole)]


@pytest.mark.parametrize("line", PLAIN)
def test_code_about_secrets_is_left_alone(line: str) -> None:
    assert [line[start:end] for start, end in secret_literals(line)] == []


def test_key_blocks_are_found_whole_and_when_they_are_cut() -> None:
    lines = "\n".join("MIIEowIBAAKCAQEAx7Zk2vTq9l0cQmN4hYp3sWb8dKfGtR6uVzXy1aBcDeFgHi" for _ in range(6))
    block = f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"
    for text in (f"KEY = '''{block}'''\n", block[: len(block) // 2], f"{lines}\n-----END RSA PRIVATE KEY-----", lines):
        left = text
        for start, end in reversed(secret_literals(text)):
            left = left[:start] + left[end:]
        assert "MIIEow" not in left


def test_spans_are_in_order_and_apart() -> None:
    text = "".join(f'password = "{secret}"; token = "{secret}"\n' for secret in ALONE)
    spans = secret_literals(text)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


def test_ordinary_code_holds_next_to_nothing() -> None:
    sources = [path.read_text("utf-8") for path in (Path(__file__).parents[2] / "agents").rglob("*.py")]
    assert sum(len(secret_literals(source)) for source in sources) == 0


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "hostile",
    [
        *("key_", "password=", "secret:a", "://a:", "eyJ", "eyJa.", "sk-", "-----BEGIN PRIVATE KEY-----", "secret "),
        *("token.", "secret='\\", "(\"'", "0123456789", "a.b~7Q~", "Bearer ", "passw\u0130", "A" * 70 + "\n"),
    ],
)
def test_hostile_texts_take_a_time_that_grows_with_their_length(hostile: str) -> None:
    def took(length: int) -> float:
        text = hostile * (length // len(hostile))
        begun = time.process_time()
        secret_literals(text)
        return time.process_time() - begun

    assert took(100_000) < 2.0
