"""The command line."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; an interrupt while it is being imported ends it with one line as well.

    So does one before the command line looks after interrupts by itself.
    """
    try:
        from .app import main as run

        run()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("interrupted\n")
        raise SystemExit(130) from None
