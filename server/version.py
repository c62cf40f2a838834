"""The version, as a constant: asking the installed package's metadata costs more than all else before `initialize`."""

VERSION = "0.1.0"
