"""Subjects on disk and in memory: where their files lie, how they are read, label tables, normalization, overlap."""
