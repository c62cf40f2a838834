"""Only what is known to be permissive is trained on."""

from email.message import Message

import pytest

from models.training.licences import has_copyleft_notice, permissive_family


def metadata(**fields: str | list[str]) -> Message:
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
def test_family_is_what_the_metadata_states(fields: dict[str, str | list[str]], family: str) -> None:
    assert permissive_family(metadata(**fields)) == family


def test_a_copyleft_notice_at_a_files_head_is_seen() -> None:
    assert has_copyleft_notice("# This file is under the terms of the GNU General Public License\nimport os\n")
    assert not has_copyleft_notice("# Licensed under the MIT license\nimport os\n")
