"""matplotlib, where it is installed, and figures as files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from ragcompress import MissingExtra
from ragcompress.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure_class() -> type[Figure]:
    """Import matplotlib; ask before anything is measured, so that nothing is measured in vain.

    Raises:
        MissingExtra: if it isn't installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("the plot", "eval") from error
    return Figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises:
        DataError: if the file can't be written.
    """
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    write_whole(path, image.getvalue())
