"""Accounts, logins and roles of a server on the network: who may do what. Knows no LSP and no SQL."""
