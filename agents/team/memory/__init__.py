"""Facts that agents keep for later sessions."""
