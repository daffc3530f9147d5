"""The name of a model becomes a folder with its weights."""

from .cache import cache_folder
from .registry import (
    KNOWN,
    ModelFolder,
    ModelSpec,
    ModelStatus,
    fetch,
    is_cached,
    list_models,
    resolve,
)

__all__ = [
    "KNOWN",
    "ModelFolder",
    "ModelSpec",
    "ModelStatus",
    "cache_folder",
    "fetch",
    "is_cached",
    "list_models",
    "resolve",
]
