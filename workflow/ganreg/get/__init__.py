"""Bring the data set into raw BIDS: the simulated cohort, its template, and the index of a user's own folder."""
