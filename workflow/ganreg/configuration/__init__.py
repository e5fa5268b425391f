"""The configuration as a whole: its typed model, what it asks of itself, and the files that are written from it.

Importable without the imaging packages, since the workflow plans with it.
"""

from ganreg.configuration.loading import load, load_project
from ganreg.configuration.model import Config

__all__ = ["Config", "load", "load_project"]
