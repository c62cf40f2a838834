"""`starling review`, and the forms of its report."""
