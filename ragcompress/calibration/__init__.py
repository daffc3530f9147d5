"""Promises about recall: measured on labeled questions, kept as one file, withdrawn where they don't hold.

- ``bound``: conformal risk control.
- ``request``, ``likeness``, ``answerable``: what is looked at of a request, how unlike the calibration
  questions it is, whether its answer is there at all.
- ``values``: the frozen ``Calibration``, and what it says of one request (``Outlook``, ``Promise``).
- ``judging``: what that means for a compression.
- ``store``: the file, which ``ragcompress.training.calibrating`` makes.
"""

from .judging import Judge, Judgment
from .store import NONE, load, save, shipped_for
from .values import Calibration, Case, Outlook, Promise

__all__ = [
    "NONE",
    "Calibration",
    "Case",
    "Judge",
    "Judgment",
    "Outlook",
    "Promise",
    "load",
    "save",
    "shipped_for",
]
