"""The stored index: one database and one mapped segment for each workspace folder."""
