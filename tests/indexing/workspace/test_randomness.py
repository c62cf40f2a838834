"""Random strings, and those that only look random: names, paths, hashes, versions, data, alphabets."""

from __future__ import annotations

import random
import string

import pytest

from indexing.workspace.secrets.randomness import is_drawn_at_random

ALNUM = string.ascii_letters + string.digits
ALPHABETS = {
    "base62": (ALNUM, 0.95),
    "base64": (ALNUM + "+/", 0.95),
    "base64url": (ALNUM + "-_", 0.95),
    "base36": (string.ascii_lowercase + string.digits, 0.9),
    "base36 in capitals": (string.ascii_uppercase + string.digits, 0.9),
    "base32": (string.ascii_uppercase + "234567", 0.8),
    "letters": (string.ascii_letters, 0.8),
}
ORDINARY = [
    "0123456789abcdef0123456789abcdef01234567",
    "d41d8cd98f00b204e9800998ecf8427e",
    "123e4567-e89b-12d3-a456-426614174000",
    "9229f1ed133e7876495b83aec32c6fc319c2aa01",
    "A0B1C2D3E4F5A6B7C8D9E0F1",
    "20240131T235959Z-000000001",
    "1.2.3-beta.20240101-rc.1",
    "getElementsByTagNameNS2",
    "AbstractSingletonProxyFactoryBean2",
    "PBKDF2_002dHMAC_002dSHA256",
    "test_parses_utf8_with_bom_v2",
    "org/TR/xhtml1/DTD/xhtml1-strict",
    "com/google/android/gms/Foo1Bar2",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "CPyList_SetItemInt64",
    "cp311-cp311-manylinux2014_x86_64",
    "x86_64-unknown-linux-gnu",
    "i686-pc-windows-msvc-2019",
    "simd/x86_64/jcphuff-sse2",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "0123456789ABCDEFGHJKMNPQRSTVWXYZ",
    "qwertyuiopasdfghjklzxcvbnm",
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
    "aGVsbG8gd29ybGQsIHRoaXMgaXMgdGV4dA==",
    "AAAAC3NzaC1lZDI1NTE5AAAAIGkX9vT2",
    "_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE",
    "com/python/cpython/blob/f3c6f882cddc8dc30320d2e73edf019e201394fc/Objects",
    "margin-top-0-padding-left-12px",
    "bg-gradient-to-r-from-indigo-500",
    "aria-describedby-tooltip-42",
    "HuggingFaceH4/zephyr-orpo-141b-A35b-v0",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "00000000000000000000000000000000",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxx1A",
    "rwxoRWXOezsfdlpSbctugkTBMAC",
    "CVE-2024-12345-buffer-overflow",
    "internationalization18n",
    "Donaudampfschifffahrtsgesellschaft",
    "kubernetes-dashboard-7d9f8b",
]


@pytest.mark.parametrize("name", ALPHABETS)
@pytest.mark.parametrize("length", [32, 40, 64])
def test_most_keys_are_known_by_their_shape(name: str, length: int) -> None:
    alphabet, least = ALPHABETS[name]
    draw = random.Random(f"{name} {length}")  # noqa: S311 (the same at each run)
    keys = ["".join(draw.choices(alphabet, k=length)) for _ in range(500)]
    assert sum(map(is_drawn_at_random, keys)) >= least * len(keys)


@pytest.mark.parametrize("value", ORDINARY)
def test_what_people_and_programs_write_is_no_key(value: str) -> None:
    assert not is_drawn_at_random(value)


def test_what_is_too_short_or_too_long_is_no_key() -> None:
    draw = random.Random(1)  # noqa: S311 (the same at each run)
    assert not is_drawn_at_random("Zx81kQm2Lw9Tn4Rv7Yb")
    assert is_drawn_at_random("Zx81kQm2Lw9Tn4Rv7Yb", 16)
    assert not is_drawn_at_random("".join(draw.choices(ALNUM, k=1_000_000)))
