"""Licence families that packages state; only permissive ones are recognized."""

from email.message import Message

import pytest

from models.training.licences import find_expression_family, find_permissive_family, has_copyleft_notice


def make_metadata(**fields: str | list[str]) -> Message:
    """Return a wheel's METADATA with `fields`; underscores stand for dashes, lists for repeated fields."""
    message = Message()
    for name, values in fields.items():
        for value in [values] if isinstance(values, str) else values:
            message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    ("fields", "family"),
    [
        ({"License_Expression": "MIT"}, "mit"),
        ({"License_Expression": "BSD-3-Clause AND Apache-2.0"}, "bsd"),
        ({"License_Expression": "GPL-3.0-only OR MIT"}, "mit"),
        ({"License_Expression": "MIT AND LGPL-2.1-or-later"}, ""),
        ({"License_Expression": "MPL-2.0"}, ""),
        ({"Classifier": ["License :: OSI Approved :: Apache Software License"]}, "apache"),
        ({"Classifier": ["License :: OSI Approved", "License :: OSI Approved :: MIT License"]}, "mit"),
        (
            {
                "Classifier": [
                    "License :: OSI Approved :: MIT License",
                    "License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
                ]
            },
            "",
        ),
        ({"License": "BSD License\nRedistribution and use ..."}, "bsd"),
        ({"License": "see the file LICENSE"}, ""),
        ({"Name": "silent"}, ""),
        # The more formal statement counts.
        ({"License_Expression": "AGPL-3.0-only", "License": "MIT"}, ""),
    ],
)
def test_the_family_is_that_of_the_most_formal_statement(fields: dict[str, str | list[str]], family: str) -> None:
    assert find_permissive_family(make_metadata(**fields)) == family


@pytest.mark.parametrize(
    ("expression", "family"),
    [
        ("(MIT OR GPL-2.0-only) AND Apache-2.0", "mit"),
        ("(MIT OR Apache-2.0) AND GPL-3.0-only", ""),
        ("MIT AND (QPL-1.0 OR (GPL-2.0-only AND BSD-2-Clause))", ""),
        ("MIT AND (Apache-2.0 OR GPL-2.0-only", ""),
        ("UNLICENSED", ""),  # npm's word for no licence
        ("Apache-2.0 with Commons Clause", ""),
        ("custom-with-disclaimer", ""),
        # Debian's: a comma binds less than "and" and "or".
        ("GPL-2+ with OpenSSL exception or Expat", "mit"),
        ("Expat or Apache-2.0, and MPL-2.0, and zlib", ""),
        ("GPL-2+ or Expat, and Apache-2.0 or Artistic", "mit"),
        ("BSD-3-clause and/or GPL-2", ""),
        ("Expat, QPL", ""),
        ("GPL-2-or-later-with-BSD-exception", ""),
        ("Expat and", ""),
        ("", ""),
    ],
)
def test_both_sides_of_an_and_or_one_side_of_an_or_must_be_permissive(expression: str, family: str) -> None:
    assert find_expression_family(expression) == family


def test_a_copyleft_notice_at_the_head_of_a_file_is_recognized() -> None:
    assert has_copyleft_notice("# This file is under the terms of the GNU General Public License\nimport os\n")
    assert has_copyleft_notice("/* under the terms of the GNU\n * Lesser General\n * Public License */\n")
    assert has_copyleft_notice("// SPDX-License-Identifier: EPL-2.0\n")
    assert not has_copyleft_notice("# Licensed under the MIT license\nimport os\n")
