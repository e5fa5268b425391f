"""Simulated data: the embedded cohort, patients with the geometry of RIRE, degraded copies of subjects."""
