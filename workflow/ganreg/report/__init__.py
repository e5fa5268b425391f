"""Figures from tables and volumes; nothing is measured here."""
