"""Who is in which fold, and which pairs are registered; nothing else decides that."""
