"""The tables of accounts, signing keys, refresh tokens and failed logins: the ports of `server.access.records`."""
