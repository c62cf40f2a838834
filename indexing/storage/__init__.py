"""What the index keeps: one database and one mapped segment for each workspace folder."""
