"""The token endpoint grants what it should, and says nothing to those who guess."""

from __future__ import annotations

import time

import pytest

from server.access.attempts import CLOSED_WAIT_S, FREE, MOST_OF_NAME
from server.access.grants import FAMILY_S, REFRESHES_S
from server.access.passwords import Passwords, explain_weakness
from server.access.rate_limits import MOST_KEYS, RateLimit
from server.access.records import AccountExists, Kind
from server.access.roles import Role
from tests.server.access.conftest import PASSWORD, Issuing, make_account

WRONG = {"error": "invalid_grant", "error_description": "name or password is wrong"}


async def test_a_password_gives_an_access_and_a_refresh_token(issuing: Issuing) -> None:
    issuing.clock.now = time.time()
    account = issuing.add("ada")
    answer = await issuing.log_in(" Ada ")
    assert answer.status == 200
    assert set(answer.body) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert answer.body["expires_in"] == 900
    assert issuing.verifier.verify(answer.body["access_token"]).subject == account.id


async def test_unknown_wrong_and_disabled_are_not_told_apart(issuing: Issuing) -> None:
    issuing.add("ada")
    issuing.add("bob")
    issuing.add("ci", kind=Kind.CLIENT)
    issuing.accounts.add(make_account("eve"))  # of an external issuer: no password
    issuing.accounts.change("bob", disabled=True)
    tries = [("ada", "wrong password!"), ("nobody", PASSWORD), ("bob", PASSWORD), ("ci", PASSWORD), ("eve", PASSWORD)]
    answers = [await issuing.log_in(*one) for one in tries]
    assert [(one.status, one.body) for one in answers] == [(400, WRONG)] * 5


def test_an_unknown_name_takes_as_much_work_as_a_wrong_password() -> None:
    passwords = Passwords()
    proof = passwords.hash(PASSWORD)
    seconds: dict[str, list[float]] = {proof: [], "": []}
    for _ in range(5):
        for one, taken in seconds.items():
            begun = time.process_time()  # of all threads, whatever else the machine does
            assert not passwords.is_right("wrong", one)
            taken.append(time.process_time() - begun)
    known, unknown = (min(taken) for taken in seconds.values())
    assert known > 0.005
    assert 0.6 < unknown / known < 1.6


async def test_a_refresh_token_works_once(issuing: Issuing) -> None:
    issuing.add("ada")
    first = (await issuing.log_in("ada")).body["refresh_token"]
    second = (await issuing.refresh(first)).body["refresh_token"]
    third = (await issuing.refresh(second)).body["refresh_token"]
    assert len({first, second, third}) == 3
    other = (await issuing.log_in("ada")).body["refresh_token"]
    assert (await issuing.refresh(first)).body["error"] == "invalid_grant"
    assert (await issuing.refresh(third)).body["error"] == "invalid_grant"  # the replay has ended the family
    assert (await issuing.refresh(other)).status == 200  # another login is not affected


@pytest.mark.parametrize("token", ["unknown", "x" * 5000, "", "\ud800"])
async def test_other_refresh_tokens_are_refused(issuing: Issuing, token: str) -> None:
    assert (await issuing.refresh(token)).status == 400


async def test_refresh_tokens_expire_and_a_login_ends(issuing: Issuing) -> None:
    issuing.add("ada")
    token = (await issuing.log_in("ada")).body["refresh_token"]
    issuing.clock.now += REFRESHES_S + 1
    assert (await issuing.refresh(token)).status == 400
    begun, token = issuing.clock.now, (await issuing.log_in("ada")).body["refresh_token"]
    while (answer := await issuing.refresh(token)).status == 200:
        token = answer.body["refresh_token"]
        issuing.clock.now += REFRESHES_S - 1
        assert issuing.clock.now < begun + 2 * FAMILY_S
    assert issuing.clock.now >= begun + FAMILY_S


@pytest.mark.parametrize("change", [{"disabled": True}, {"proof": "$new"}])
async def test_a_disabled_account_and_a_new_password_end_the_logins(
    issuing: Issuing, change: dict[str, str | bool]
) -> None:
    issuing.add("ada")
    token = (await issuing.log_in("ada")).body["refresh_token"]
    assert issuing.accounts.change("ada", **change)  # type: ignore[arg-type]
    assert (await issuing.refresh(token)).status == 400


async def test_a_program_gets_an_access_token_alone(issuing: Issuing) -> None:
    issuing.add("ci", kind=Kind.CLIENT)
    issuing.add("ada")
    form = {"grant_type": "client_credentials", "client_id": "ci", "client_secret": PASSWORD}
    answer = await issuing.endpoint.answer(form, "192.0.2.1")
    assert (answer.status, set(answer.body)) == (200, {"access_token", "token_type", "expires_in"})
    for wrong in ({"client_id": "ada"}, {"client_secret": "x"}):
        refused = await issuing.endpoint.answer(form | wrong, "192.0.2.1")
        assert (refused.status, refused.body) == (401, {"error": "invalid_client"})


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "ada"}, "invalid_request"),
    ],
)
async def test_other_requests_are_refused(issuing: Issuing, form: dict[str, str], error: str) -> None:
    answer = await issuing.endpoint.answer(form, "192.0.2.1")
    assert (answer.status, answer.body["error"]) == (400, error)


async def test_ten_thousand_guesses_are_locked_out_and_the_rightful_person_is_not(issuing: Issuing) -> None:
    issuing.add("ada")
    token = (await issuing.log_in("ada", address="198.51.100.7")).body["refresh_token"]
    looked_at = 0
    for number in range(10_000):
        if number % 50 == 0:
            issuing.endpoint = issuing.make_endpoint()  # without this process' limit of requests: that of the state
        answer = await issuing.log_in("ada", f"guess number {number}", address="203.0.113.9")
        looked_at += answer.status == 400
        issuing.clock.now += 0.01
    assert FREE <= looked_at <= FREE + 8  # 100 seconds in all, and each wait is twice the one before
    assert (await issuing.log_in("ada", address="203.0.113.9")).status == 429  # also with the right password
    assert (await issuing.log_in("ada", address="198.51.100.7")).status == 200
    assert (await issuing.refresh(token, address="203.0.113.9")).status == 200


async def test_guesses_from_many_addresses_do_not_lock_a_person_out_of_a_known_place(issuing: Issuing) -> None:
    issuing.add("ada")
    assert (await issuing.log_in("ada", address="198.51.100.7")).status == 200
    statuses = [
        (await issuing.log_in("ada", "wrong password!", address=f"2001:db8:{number:x}::1")).status
        for number in range(MOST_OF_NAME + 50)
    ]
    assert statuses == [400] * MOST_OF_NAME + [429] * 50
    refused = await issuing.log_in("ada", address="192.0.2.200")
    assert (refused.status, refused.wait_s) == (429, CLOSED_WAIT_S)
    assert (await issuing.log_in("ada", address="198.51.100.7")).status == 200
    issuing.clock.now += 3601
    assert (await issuing.log_in("ada", address="192.0.2.200")).status == 200


async def test_an_address_that_tries_many_names_is_refused(issuing: Issuing) -> None:
    statuses = [(await issuing.log_in(f"name-{number}", address="203.0.113.9")).status for number in range(55)]
    assert statuses == [400] * 50 + [429] * 5


async def test_addresses_of_one_network_count_together(issuing: Issuing) -> None:
    statuses = [
        (await issuing.log_in("ada", "wrong password!", address=f"2001:db8::{number:x}")).status for number in range(9)
    ]
    assert statuses == [400] * (FREE + 1) + [429] * (8 - FREE) or statuses == [400] * FREE + [429] * (9 - FREE)


def test_a_rate_limit_holds_for_each_key_and_forgets_old_ones() -> None:
    now = [0.0]
    limit = RateLimit(60, 2, lambda: now[0])
    assert [limit.take("a"), limit.take("a"), limit.take("b")] == [0, 0, 0]
    assert limit.take("a") == pytest.approx(1.0)
    now[0] = 1.0
    assert [limit.take("a") == 0, limit.take("a") > 0] == [True, True]
    for number in range(MOST_KEYS + 5):
        limit.take(str(number))
    assert len(limit._left) == MOST_KEYS


def test_weak_passwords_are_refused() -> None:
    assert "fewer than 12" in explain_weakness("short", "ada")
    assert "easy to guess" in explain_weakness("ada-ada-ada-1", "ada")
    assert "easy to guess" in explain_weakness("aaaaaaaaaaaaaaaa", "bob")
    assert "more than" in explain_weakness("abcdefgh" * 200, "bob")
    assert "cannot be stored" in explain_weakness("abcdefgh-\ud800-xyz", "bob")
    assert not explain_weakness(PASSWORD, "ada")


def test_a_name_is_taken_once(issuing: Issuing) -> None:
    issuing.add("ada")
    with pytest.raises(AccountExists):
        issuing.accounts.add(make_account("ada"))
    assert issuing.accounts.change("ada", role=Role.ADMIN)
    assert not issuing.accounts.change("nobody", role=Role.ADMIN)
    assert [(one.name, one.role) for one in issuing.accounts.list_all()] == [("ada", Role.ADMIN)]
