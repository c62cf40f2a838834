"""`starling review`, and the formats of its output."""
