"""``ragcompress train``: a probe for a proxy, from labeled questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..probes import DEFAULT_SCORER
from ..proxy.loading import DEFAULT_PROXY
from ..proxy.loading import Backend as BackendName
from .console import emit, phase_bar
from .options import Backend, ProxyName

TRAINED = ("passage-probe", "evidence", "sentinel", "retrieval-heads")


def train(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE[:N]",
            help="Training records, .jsonl or .jsonl.gz; with :N the first N of them. "
            "For the scorer evidence: files, or a folder of *.train.jsonl.gz.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PROBE", help="PROBE.safetensors and PROBE.json.")
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
        list[str] | None, typer.Option("--dev", metavar="FILE[:N]", help="Records to measure on; repeatable.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="Where attention is kept, to resume later."),
    ] = None,
    scorer: Annotated[
        str, typer.Option("--scorer", metavar="NAME", help=f"For which scorer: {', '.join(TRAINED)}.")
    ] = DEFAULT_SCORER,
) -> None:
    """Train a probe for a proxy.

    Learns from questions with known evidence; needs the extra `train`. The card of the probe goes to stdout.
    """
    from ..training import fitting, train_joint
    from ..training import train as training

    if scorer not in TRAINED:
        raise typer.BadParameter(f"{scorer!r} is none of: {', '.join(TRAINED)}")
    if scorer == "evidence":
        emit(json.dumps(_evidence(files, output, proxy, backend, store), ensure_ascii=False, indent=1) + "\n")
        return
    with phase_bar() as progress:
        if scorer == DEFAULT_SCORER:
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


def _evidence(
    files: list[str], output: Path, proxy: str, backend: BackendName | None, store: Path | None
) -> dict[str, Any]:
    """Train the evidence model; its recipe is the code's, so that one command repeats it."""
    from ..training import evidence, evidence_recipe
    from ..training.train import read

    sources = [
        file
        for name in files
        for file in (evidence_recipe.read_folder(Path(name)) if Path(name).is_dir() else (read(name),))
    ]
    with phase_bar() as progress:
        return evidence.run(
            sources,
            output,
            proxy=proxy,
            backend=backend,
            store=store,
            progress=progress,
        )
