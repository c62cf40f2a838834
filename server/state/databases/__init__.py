"""SQLite and PostgreSQL as the database of the state, and the way from one to the other."""
