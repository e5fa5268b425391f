"""Deformable registration: each method turns a fixed and a moving image into one transform file."""
