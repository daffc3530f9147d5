"""The embedders by name, as options and settings name them."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from .bert import Bert
from .embedding import EvidenceMiniLM, MiniLM
from .multilingual import EvidenceE5, MultilingualE5

EmbedderName = Literal["minilm", "multilingual"]
EMBEDDER_NAMES: tuple[EmbedderName, ...] = get_args(EmbedderName)
FOR_EVIDENCE: EmbedderName = "multilingual"
"""Which one the scorer ``evidence`` reads with, unless told otherwise."""


class _Kind(NamedTuple):
    """Of one name: what searches an index, and what the scorer ``evidence`` reads with."""

    searches: type[Bert]
    reads: type[Bert]


_KINDS: dict[str, _Kind] = {
    "minilm": _Kind(MiniLM, EvidenceMiniLM),
    "multilingual": _Kind(MultilingualE5, EvidenceE5),
}


def for_search(name: EmbedderName) -> type[Bert]:
    """The embedder of an index."""
    return _KINDS[name].searches


def built_with(model: str) -> type[Bert] | None:
    """The embedder of an index that says it was built with a model; None: it is none of ours."""
    return next((kind.searches for kind in _KINDS.values() if kind.searches.name == model), None)


def for_evidence(setting: object) -> type[Bert]:
    """The embedder that a setting of the scorer ``evidence`` stands for, or the one it reads with."""
    return next((kind.reads for name, kind in _KINDS.items() if name == setting), _KINDS[FOR_EVIDENCE].reads)


def fitted_with(embedder: object) -> str:
    """Name of the embedder that shipped weights must have been fitted with.

    Args:
        embedder: a setting of the scorer ``evidence``, or an embedder.
    """
    name = getattr(embedder, "name", None)
    ours = {kind.reads.name for kind in _KINDS.values()}
    return str(name) if name in ours else for_evidence(embedder).name
