"""The command line."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; an interrupt while it is being imported ends it with one line as well."""
    try:
        from .app import main as run
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("interrupted\n")
        raise SystemExit(130) from None
    run()
