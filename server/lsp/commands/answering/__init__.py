"""What several commands share: their records, what they are about, and how they propose."""
