"""Secrets within a text: each known format is found whole, ordinary code is left alone, and nothing takes long."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from indexing.workspace.secrets.literals import find_secrets

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
    "$2b$12$" + (A * 2)[:53],
    "$6$Zx81kQm2$" + A * 2,
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
# Where a password stands, however weak: commands, logins, attributes, arguments, connection strings, settings.
PLACED = r"""
curl -u admin:{} https://a.b
curl -sS --user "admin:{}" https://a.b
subprocess.run(["curl", "-u", "admin:{}", url])
mysql -u root -p{} db
mysqldump --password={} db
mysqladmin -u root password {}
PGPASSWORD={} psql -h x
sshpass -p {} ssh a@b
docker login -u bob -p {} registry.a.b
redis-cli -a {} ping
ldapsearch -x -D cn=admin -w {} -b dc=x
smbclient //srv/share -U bob%{}
sqlcmd -S srv -U sa -P {}
openssl rsa -passin pass:{} -in a
sqlplus scott/{}@orcl
echo root:{} | chpasswd
net user bob {} /add
machine api.a.b login bob password {}
machine api.a.b\n  login bob\n  password {}
<add key="Password" value="{}"/>
<property name="password" value="{}"/>
<password>{}</password>
<setting name="DbPassword" serializeAs="String"><value>{}</value></setting>
- name: DB_PASSWORD\n  value: {}
{{"name": "DB_PASSWORD", "value": "{}"}}
auth=("bob","{}")
requests.get(u, auth=HTTPBasicAuth("bob", "{}"))
smtp.login("bob@a.b", "{}")
new PasswordAuthentication("bob", "{}".toCharArray())
DriverManager.getConnection(url, "bob", "{}")
Server=h;Database=d;Uid=bob;Pwd={};
"Data Source=h;User ID=sa;Password={}"
jdbc:mysql://h/db?user=bob&password={}
postgres://u:{}@h/db
redis://:{}@h:6379/0
postgres://u:p@ss{}@h/db
jdbc:oracle:thin:scott/{}@//h:1521/x
host=h user=bob password={} dbname=d
default:\n  adapter: postgresql\n  username: bob\n  password: {}
[client]\nuser=bob\npassword={}\n
{{"user": "bob", "password": "{}"}}
connect(host="h", user="bob", passwd="{}")
CREATE USER bob WITH PASSWORD '{}';
CREATE USER 'bob'@'%' IDENTIFIED BY '{}';
password = "{}"
spring.datasource.password={}
ENV DB_PASSWORD={}
define('DB_PASSWORD', '{}');
$db_pass = "{}";
DB_PASS={}
- MYSQL_ROOT_PASSWORD={}
helm install x --set auth.password={}
const password string = "{}"
let password: &str = "{}";
conn.login('bob@a.b', '{}', function (err) {{
requirepass {}
rabbitmqctl add_user bob {}
ConvertTo-SecureString "{}" -AsPlainText
keytool -storepass {} -list
az login -u bob -p {}
net use z: //h/s /user:bob {}
openssl enc -k {} -in a
""".strip().splitlines()
HEADERS = """
Authorization: token {}
Authorization: Basic {}
"Authorization": "Token {}"
req.setRequestHeader('Authorization', 'Basic {}')
-H "X-Api-Key: {}"
curl -H 'PRIVATE-TOKEN: {}' https://a.b
--api-key {}
cmd.extend(["--token", "{}"])
""".strip().splitlines()
UNNAMED = """
x = "{}"
const y = '{}';
y: {}
// {}
return "{}"
export FOO={}
the value {} of it
https://a.b/files/{}/raw
""".strip().splitlines()
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
resolved "https://registry.npmjs.org/a/-/a-1.0.0.tgz#0123456789abcdef0123456789abcdef01234567"
"integrity": "sha512-Drmhze6EPcv0fN81BjnAZx81kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6PsDrmhze6EPcv0fN81BjnAZx81kQm2Lw9Tn4Rv7Yb5Hd=="
golang.org/x/a v0.1.0 h1:Drmhze6EPcv0fN81BjnAZx81kQm2Lw9Tn4Rv7Yb5Hd0=
a/b.py,sha256=Drmhze6EPcv0fN81BjnAZx81kQm2Lw9Tn4Rv7Yb5Hd0,123
--hash=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGkX9vT2Drmhze6EPcv0fN81BjnAZx81kQm2Lw9T me@here
src="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
color: #a1b2c3; background: #0f9d58ff
from package.module_with_a_long_name2.another_module import something_very_long_v2
url = "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd"
docker run -u 1000:1000 -p 8080:80 image
mkdir -p build/output1 && cp -u source:1 target
interface Login { username: string; password: string; }
def login(username: str, password: str) -> None: ...
  --password TEXT  The password of the database.
mysql -u root -p"$MYSQL_PASSWORD" db
"secretlint": "^10.1.2"
readFile('/etc/passwd', 'utf8', callback)
__slots__ = ('scheme', 'user', 'password', 'host', 'port')
parser.add_argument("--token", type=str)
pattern = r"(?i)pass(?:word|wd|phrase)"
postgres://user:password@localhost/db
""".strip().splitlines()


def hide_secrets(text: str) -> str:
    """Return `text` without its secrets."""
    for start, end in reversed(find_secrets(text)):
        text = text[:start] + text[end:]
    return text


@pytest.mark.parametrize("secret", ALONE)
def test_a_known_format_is_found_whole_wherever_it_stands(secret: str) -> None:
    for text in (secret, f'x = "{secret}"\n', f"// {secret}, and more", f"curl -u {secret} https://a.b"):
        found = [text[start:end] for start, end in find_secrets(text)]
        assert secret in found


@pytest.mark.parametrize(("text", "secret"), WITHIN)
def test_a_literal_with_a_telling_name_is_found(text: str, secret: str) -> None:
    whole = f"a = 1\n{text.format(secret)}\nb = 2\n"
    assert secret in [whole[start:end] for start, end in find_secrets(whole)]


@pytest.mark.parametrize("line", PLAIN)
def test_code_about_secrets_is_left_alone(line: str) -> None:
    assert [line[start:end] for start, end in find_secrets(line)] == []


@pytest.mark.parametrize("form", PLACED)
@pytest.mark.parametrize("secret", ["swordfish", "hunter2", "Tr0ub4dor&3", "q8Zk!vT2x0"])
def test_a_password_is_found_where_it_stands(form: str, secret: str) -> None:
    whole = f"a = 1\n{form.format(secret)}\nb = 2\n".replace("\\n", "\n")
    assert secret not in hide_secrets(whole)


@pytest.mark.parametrize("option", ["-u {}:", "--user '{}:'", '-H x --user "{}:" -v'])
def test_a_token_without_a_password_is_found_beside_a_user_that_is_none(option: str) -> None:
    for secret in ("tkn4f9Qz81Lm", "0123456789abcdef"):
        assert secret not in hide_secrets(f"curl {option.format(secret)} https://api2.a.b\n")
    for user in ("administrator", "12345678"):
        assert user in hide_secrets(f"curl {option.format(user)} https://api2.a.b\n")


@pytest.mark.parametrize("form", HEADERS)
def test_a_token_is_found_in_headers_and_options(form: str) -> None:
    for secret in (A, "Ym9iOnN3b3JkZmlzaA==", "0123456789abcdef" * 2):
        assert secret.rstrip("=") not in hide_secrets(f"a = 1\n{form.format(secret)}\nb = 2\n")


@pytest.mark.parametrize("form", UNNAMED)
def test_a_random_value_is_found_whatever_its_name(form: str) -> None:
    for secret in (A, "4PcvU0+nA/Zx81kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6PsDr=", "k3x9q2m7z0vw4n8r1t6yb5hd7jc3fg6p", A.lower()):
        assert secret.rstrip("=") not in hide_secrets(f"a = 1\n{form.format(secret)}\nb = 2\n")


def test_a_public_block_is_no_key() -> None:
    lines = "\n".join("MIIEowIBAAKCAQEAx7Zk2vTq9l0cQmN4hYp3sWb8dKfGtR6uVzXy1aBcDeFgHi" for _ in range(6))
    for kind in ("CERTIFICATE", "PUBLIC KEY", "PGP SIGNATURE"):
        assert find_secrets(f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n") == []
    assert find_secrets(("0" * 64 + "\n") * 6) == []


def test_key_blocks_are_found_whole_and_when_they_are_cut() -> None:
    lines = "\n".join("MIIEowIBAAKCAQEAx7Zk2vTq9l0cQmN4hYp3sWb8dKfGtR6uVzXy1aBcDeFgHi" for _ in range(6))
    block = f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"
    for text in (f"KEY = '''{block}'''\n", block[: len(block) // 2], f"{lines}\n-----END RSA PRIVATE KEY-----", lines):
        left = text
        for start, end in reversed(find_secrets(text)):
            left = left[:start] + left[end:]
        assert "MIIEow" not in left


def test_spans_are_in_order_and_apart() -> None:
    text = "".join(f'password = "{secret}"; token = "{secret}"\n' for secret in ALONE)
    spans = find_secrets(text)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


def test_ordinary_code_holds_next_to_nothing() -> None:
    sources = [path.read_text("utf-8") for path in (Path(__file__).parents[3] / "agents").rglob("*.py")]
    assert sum(len(find_secrets(source)) for source in sources) == 0


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "hostile",
    [
        *("key_", "password=", "secret:a", "://a:", "eyJ", "eyJa.", "sk-", "-----BEGIN PRIVATE KEY-----", "secret "),
        *(
            "mysql -p",
            "-u a:",
            "curl -u ",
            "Authorization: a ",
            "login b account c ",
            "machine a login b ",
            "wd=",
            "uid=pwd=",
        ),
        *(
            'auth("a",',
            'password value=" ',
            "password: b1b1\n",
            "user: a\npassword: bb\n",
            "ENV a_password ",
            "aB1+/-",
            "a/b/",
        ),
        *(
            "pass:",
            "Zx81kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6Ps ",
            "'aB1!cD2@eF3#",
            "openssl -passin pass:",
            "--password ",
            "key=",
            "`",
            "/",
        ),
        *("token.", "secret='\\", "(\"'", "0123456789", "a.b~7Q~", "Bearer ", "passw\u0130", "A" * 70 + "\n"),
    ],
)
def test_hostile_texts_take_a_time_that_grows_with_their_length(hostile: str) -> None:
    def measure_time(length: int) -> float:
        text = hostile * (length // len(hostile))
        begun = time.process_time()
        find_secrets(text)
        return time.process_time() - begun

    assert measure_time(100_000) < 2.0
