"""The program's version, as a constant: reading the package's metadata would take longer than starting the server."""

VERSION = "0.1.0"
