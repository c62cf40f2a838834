"""Values of secrets are removed from outputs, in each form that programs write, wherever the output is cut."""

from __future__ import annotations

import base64
import json
import random
import string
import urllib.parse

import pytest

from server.gate.commands.scrubbing import PLACEHOLDER, ScrubbedOutput, Scrubber

SECRET = "s3cr3t/p+w?Žluť&\"ok'"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----\n"

FORMS = {
    "plain": SECRET,
    "in a line": f"password={SECRET};",
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 of a login": base64.b64encode(f"user:{SECRET}".encode()).decode(),
    "base64 of a longer login": base64.b64encode(f"users:{SECRET}@".encode()).decode(),
    "base64 after two": base64.b64encode(f"ab{SECRET}c".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"a{SECRET}".encode()).decode(),
    "base64 in lines": base64.encodebytes((SECRET * 6).encode()).decode(),
    "URL": urllib.parse.quote(SECRET, safe=""),
    "URL of a form": urllib.parse.quote_plus(SECRET),
    "URL in small letters": urllib.parse.quote(SECRET, safe="").lower(),
    "JSON": json.dumps({"a": SECRET}),
    "JSON with letters": json.dumps(SECRET, ensure_ascii=False),
    "hexadecimal": SECRET.encode().hex(),
    "hexadecimal in capitals": SECRET.encode().hex().upper(),
    "Python": repr({"a": SECRET}),
    "with line breaks": "\r\n".join(SECRET),
}


def has_part(text: str, secret: str = SECRET) -> bool:
    """Return whether a text has any seven characters of a form of the secret in a row."""
    forms = {secret, base64.b64encode(secret.encode()).decode(), secret.encode().hex(), urllib.parse.quote(secret)}
    return any(form[at : at + 7] in text for form in forms for at in range(len(form) - 6))


@pytest.mark.parametrize("form", FORMS)
def test_a_value_is_removed_in_each_form(form: str) -> None:
    clean = Scrubber([SECRET]).scrub(f"before {FORMS[form]} after")
    assert PLACEHOLDER in clean
    assert not has_part(clean), clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")


def test_each_line_of_a_key_is_removed() -> None:
    clean = Scrubber([KEY]).scrub("line 2: MIIEvQIBADANBgkqhkiG9w0BAQEFAASC and BKcwggSjAgEAAoIBAQC7")
    assert clean == f"line 2: {PLACEHOLDER} and {PLACEHOLDER}"


def test_other_text_stays_as_it_is() -> None:
    text = "pushed 3 images \udcff\nok\n"
    assert Scrubber([SECRET]).scrub(text) == text
    assert Scrubber([]).scrub(text) == text


@pytest.mark.parametrize("seed", range(20))
def test_a_value_is_removed_wherever_pieces_and_cuts_fall(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 (no secret is made)
    secret = "".join(dice.choices(string.ascii_letters + string.digits, k=dice.randint(8, 60)))
    words = [secret, base64.b64encode(secret.encode()).decode(), "x" * dice.randint(0, 40), "\n"]
    data = "".join(dice.choices(words, k=3000)).encode()
    output = ScrubbedOutput(dice.randint(10, 500), dice.randint(10, 500), Scrubber([secret]))
    while data:
        size = dice.randint(1, 5000)
        output.add(data[:size])
        data = data[size:]
    assert not has_part(output.format(), secret)


def test_a_short_output_is_whole_without_the_value() -> None:
    output = ScrubbedOutput(100, 100, Scrubber([SECRET]))
    output.add(f"logged in with {SECRET[:9]}".encode())
    output.add(f"{SECRET[9:]}, ok\n".encode())
    assert output.format() == f"logged in with {PLACEHOLDER}, ok\n"
