"""``python -m studies``, with ``eval`` on the path (CONTRIBUTING.md says how)."""

import sys

from .cli import main

sys.exit(main())
