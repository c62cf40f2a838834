"""`starling models`: its commands."""
