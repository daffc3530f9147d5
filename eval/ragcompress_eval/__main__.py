"""``python -m ragcompress_eval``."""

import sys

from .cli import main

sys.exit(main())
