"""Synthetic training subjects: GANs, their controls, and how their samples are written."""
