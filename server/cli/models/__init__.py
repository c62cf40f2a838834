"""`starling models`: one file for each of its commands."""
