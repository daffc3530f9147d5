"""``python -m ragcompress``."""

from .cli import main

main()
