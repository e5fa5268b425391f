"""Registration programs of other people: each a settings class and a function that leaves one transform file.

Settings are read when a run is planned, where the imaging packages may be missing: the functions import them.
"""
