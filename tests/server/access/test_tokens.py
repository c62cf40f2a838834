"""Access tokens are accepted if they are ours, for us, in time and signed with RS256, and in no other case."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from server.access.keys import SIGNS_S, TOKEN_S, VERIFIES_S
from server.access.records import TokenRefused
from server.access.tokens import AUDIENCE, TokenVerifier
from tests.server.access.conftest import ISSUER, Issuing

if TYPE_CHECKING:
    from collections.abc import Callable

FOREIGN = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 (to see it refused)


def make_claims(**changes: Any) -> dict[str, Any]:
    """Return claims that are valid now, with `changes`; None leaves a claim out."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "someone", "nbf": now - 1, "iat": now, "exp": now + 600}
    return {name: value for name, value in (claims | changes).items() if value is not None}


def sign(issuing: Issuing, claims: dict[str, Any], **header: Any) -> str:
    """Return a token with `claims`, signed with the current key."""
    name, key = issuing.keys.get_signing_key()
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": name} | header)


def encode(part: object) -> str:
    """Return JSON as a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def sign_nothing(issuing: Issuing, algorithm: str) -> str:
    """Return a token without a signature whose header names `algorithm`."""
    name, _ = issuing.keys.get_signing_key()
    return f"{encode({'alg': algorithm, 'kid': name})}.{encode(make_claims())}."


def confuse(issuing: Issuing) -> str:
    """Return a token signed with HS256, where the secret is our public key in PEM."""
    name, key = issuing.keys.get_signing_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    secret = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    text = f"{encode({'alg': 'HS256', 'kid': name})}.{encode(make_claims())}"
    signature = base64.urlsafe_b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).rstrip(b"=")
    return f"{text}.{signature.decode()}"


def sign_foreign(issuing: Issuing) -> str:
    """Return a token signed with a foreign key that claims to be ours."""
    name, _ = issuing.keys.get_signing_key()
    return jwt.encode(make_claims(), FOREIGN, algorithm="RS256", headers={"kid": name})


def spoil(issuing: Issuing) -> str:
    """Return a valid token whose role was changed afterwards."""
    head, body, signature = sign(issuing, make_claims(role="viewer")).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{head}.{encode(claims | {'role': 'admin'})}.{signature}"


REFUSED: dict[str, Callable[[Issuing], str]] = {
    "empty": lambda _: "",
    "no token": lambda _: "a.b.c",
    "not ASCII": lambda _: "é" * 20,
    "too long": lambda one: sign(one, make_claims(more="x" * 9000)),
    "deep": lambda _: f"{base64.urlsafe_b64encode(b'[' * 4000).decode()}.e30.x",
    "expired": lambda one: sign(one, make_claims(exp=int(time.time()) - 60)),
    "not yet": lambda one: sign(one, make_claims(nbf=int(time.time()) + 300)),
    "without an end": lambda one: sign(one, make_claims(exp=None)),
    "without a start": lambda one: sign(one, make_claims(nbf=None)),
    "end is no number": lambda one: sign(one, make_claims(exp="soon")),
    "endless": lambda one: sign(one, make_claims(exp=1e400)),
    "other issuer": lambda one: sign(one, make_claims(iss="https://elsewhere.test")),
    "longer issuer": lambda one: sign(one, make_claims(iss=f"{ISSUER}/")),
    "without an issuer": lambda one: sign(one, make_claims(iss=None)),
    "other audience": lambda one: sign(one, make_claims(aud="another")),
    "without an audience": lambda one: sign(one, make_claims(aud=None)),
    "without a subject": lambda one: sign(one, make_claims(sub=None)),
    "empty subject": lambda one: sign(one, make_claims(sub="")),
    "long subject": lambda one: sign(one, make_claims(sub="x" * 400)),
    "alg none": lambda one: sign_nothing(one, "none"),
    "alg None": lambda one: sign_nothing(one, "NONE"),
    "RS256 without a signature": lambda one: sign_nothing(one, "RS256"),
    "key confusion": confuse,
    "foreign key": sign_foreign,
    "changed": spoil,
    "unknown kid": lambda one: sign(one, make_claims(), kid="unknown"),
    "kid is a path": lambda one: sign(one, make_claims(), kid="../../etc/passwd"),
    "long kid": lambda one: sign(one, make_claims(), kid="x" * 400),
    "critical header": lambda one: sign(one, make_claims(), crit=["exp"]),
    "RS512": lambda one: jwt.encode(
        make_claims(), one.keys.get_signing_key()[1], algorithm="RS512", headers={"kid": one.keys.get_signing_key()[0]}
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_any_other_token_is_refused(issuing: Issuing, kind: str) -> None:
    text = REFUSED[kind](issuing)
    with pytest.raises(TokenRefused) as refused:
        issuing.verifier.verify(text)
    assert not text or text not in str(refused.value)


def test_a_valid_token_is_accepted(issuing: Issuing) -> None:
    assert issuing.verifier.verify(sign(issuing, make_claims())).subject == "someone"
    assert issuing.verifier.verify(sign(issuing, make_claims(aud=["x", AUDIENCE]))).subject == "someone"


def test_an_issued_token_names_its_account_and_lasts_a_quarter_of_an_hour(issuing: Issuing) -> None:
    issuing.clock.now = time.time()
    account = issuing.add("ada")
    claims = issuing.verifier.verify(issuing.issuer.issue(account))
    assert claims.subject == account.id
    assert claims.expires == int(issuing.clock.now) + 15 * 60 == int(issuing.clock.now) + TOKEN_S


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits")
def test_a_small_key_is_refused() -> None:
    verifier = TokenVerifier(ISSUER, AUDIENCE, lambda _: SMALL.public_key(), requires_start=True)
    text = jwt.encode(make_claims(), SMALL, algorithm="RS256", headers={"kid": "small"})
    with pytest.raises(TokenRefused, match="not known"):
        verifier.verify(text)


def test_a_token_of_the_key_before_is_valid_until_it_expires(issuing: Issuing) -> None:
    text = sign(issuing, make_claims())
    before, _ = issuing.keys.get_signing_key()
    after = issuing.keys.roll()
    assert after != before
    assert [key["kid"] for key in issuing.keys.list_public_keys()["keys"]] == [after, before]
    assert issuing.verifier.verify(text).subject == "someone"
    issuing.clock.now += VERIFIES_S + 1
    assert [key["kid"] for key in issuing.keys.list_public_keys()["keys"]] == [after]
    with pytest.raises(TokenRefused, match="not known"):
        issuing.verifier.verify(text)


def test_a_key_is_replaced_after_a_month(issuing: Issuing) -> None:
    first, _ = issuing.keys.get_signing_key()
    issuing.clock.now += SIGNS_S - 1
    assert issuing.keys.get_signing_key()[0] == first
    issuing.clock.now += 1
    assert issuing.keys.get_signing_key()[0] != first


def test_another_server_knows_a_new_key_at_once(issuing: Issuing) -> None:
    other = Issuing(issuing.clock, issuing.state)
    assert other.keys.get_signing_key()[0] == issuing.keys.get_signing_key()[0]
    issuing.clock.now += 5
    issuing.keys.roll()
    text = sign(issuing, make_claims())
    assert other.verifier.verify(text).subject == "someone"


def test_published_keys_are_public(issuing: Issuing) -> None:
    (key,) = issuing.keys.list_public_keys()["keys"]
    assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}
    assert jwt.PyJWK(key).key.public_numbers() == issuing.keys.get_signing_key()[1].public_key().public_numbers()
