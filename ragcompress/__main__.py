"""``python -m ragcompress``."""

from .cli.app import main

main()
