"""``ragcompress train``: a probe for a proxy, from labeled questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..models.embedders import FOR_EVIDENCE, EmbedderName, for_evidence
from ..probes import DEFAULT_SCORER
from ..proxy.loading import DEFAULT_PROXY
from .console import emit, phase_bar
from .options import Backend, ProxyName, check_output

if TYPE_CHECKING:
    from ..training.examples import DataFile

TRAINED = ("passage-probe", "evidence", "evidence-encoder", "sentinel", "retrieval-heads")


def _check_files(value: Path) -> Path:
    """Refuse a place that the two files can't be written to before the training, which takes hours."""
    if not value.name:
        raise typer.BadParameter(f"{value} has no name that the endings of two files can stand behind")
    for ending in (".safetensors", ".json"):
        check_output(value.with_name(f"{value.name}{ending}"))
    return value


def train(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE[:N]",
            help="Training records, .jsonl or .jsonl.gz; with :N the first N of them. "
            "For the scorer evidence and its encoder: files, or a folder of *.train.jsonl.gz.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="PROBE", help="PROBE.safetensors and PROBE.json.", callback=_check_files
        ),
    ],
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    n_layers: Annotated[
        int | None,
        typer.Option(
            "--layers", metavar="N", min=1, help="Layers to read, from the first (without: four fifths)."
        ),
    ] = None,
    passage_tokens: Annotated[
        int, typer.Option("--passage-tokens", metavar="N", min=1, help="Longest passage of one prompt.")
    ] = 256,
    joined_every: Annotated[
        int,
        typer.Option(
            "--joined-every",
            metavar="N",
            min=0,
            help="Read one of N training questions again, its documents joined to long ones; 0: none.",
        ),
    ] = 0,
    dev: Annotated[
        list[str] | None, typer.Option("--dev", metavar="FILE[:N]", help="Records to measure on. Repeatable.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="Where attention is kept, to resume later."),
    ] = None,
    scorer: Annotated[
        str, typer.Option("--scorer", metavar="NAME", help=f"For which scorer: {', '.join(TRAINED)}.")
    ] = DEFAULT_SCORER,
    embedder: Annotated[
        EmbedderName | None,
        typer.Option(
            "--embedder",
            metavar="NAME",
            help="For the scorer evidence and its encoder: multilingual (the default) or minilm.",
        ),
    ] = None,
) -> None:
    """Train a probe for a proxy.

    Learns from questions with known evidence; needs the extra `train`. The card of the probe goes to stdout.
    """
    from ..models.embedding import MiniLM
    from ..training import encoder, evidence, fitting, train_joint
    from ..training import train as training

    if embedder and scorer not in ("evidence", "evidence-encoder"):
        raise typer.BadParameter(f"--embedder {embedder} is for the scorer evidence, not for {scorer}")
    if scorer not in TRAINED:
        raise typer.BadParameter(f"{scorer!r} is none of: {', '.join(TRAINED)}")
    with phase_bar() as progress:
        if scorer == "evidence-encoder":
            card = encoder.run(_by_kind(files), output, embedder=embedder or FOR_EVIDENCE, progress=progress)
        elif scorer == "evidence":
            card = evidence.run(
                _by_kind(files), output, proxy=proxy, backend=backend, store=store,
                embedders=evidence.Embedders(for_evidence(embedder)(), MiniLM()), progress=progress,
            )  # fmt: skip
        elif scorer == DEFAULT_SCORER:
            settings = fitting.Settings(
                n_layers=n_layers, passage_tokens=passage_tokens, joined_every=joined_every
            )
            card = training.run(
                files, output, proxy=proxy, backend=backend, dev=dev or [], store=store, settings=settings,
                progress=progress,
            )  # fmt: skip
        else:
            sources, held_out = training.read_all(files), training.read_all(dev or [])
            card = train_joint.run(
                scorer, sources, output, proxy=proxy, backend=backend, dev=held_out, store=store,
                progress=progress,
            )  # fmt: skip
    emit(json.dumps(card, ensure_ascii=False, indent=1) + "\n")


def _by_kind(files: list[str]) -> list[DataFile]:
    """Files of one kind each, or folders of them. The recipe is the code's: one command repeats it."""
    from ..training import evidence_recipe
    from ..training.train import read

    return [
        file
        for name in files
        for file in (evidence_recipe.read_folder(Path(name)) if Path(name).is_dir() else (read(name),))
    ]
