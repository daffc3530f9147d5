"""``python -m studies random-reader``: a GGUF file of a known shape with random weights, for llama.cpp.

How long a reader takes to read a prompt depends on its shapes and on how weights are stored, not on their
values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import gguf
import numpy as np
import typer

from ragcompress import InputError, models
from ragcompress.cli.console import note
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress_eval.bench.runner import study_command
from ragcompress_eval.savings.readers import SHAPES, Shape

_ROTARY_BASE, _EPS, _CONTEXT = 1e6, 1e-6, 32_768
_NORMAL, _CONTROL = 1, 3  # kinds of tokens in GGUF
_LARGEST_WEIGHT = 0.02
KINDS = ("Q4_0", "Q8_0", "F16")

ShapeName = Annotated[str, typer.Argument(metavar="SHAPE", help=f"{', '.join(SHAPES)}.")]
Target = Annotated[Path, typer.Argument(metavar="OUT.gguf", help="The file to write.")]
Kind = Annotated[
    str, typer.Option("--type", metavar="TYPE", help=f"How weights are stored: {', '.join(KINDS)}.")
]


@study_command
def random_reader_command(shape: ShapeName, output: Target, kind: Kind = "Q4_0") -> None:
    """Write a reader of a Qwen2.5 shape with random weights and the proxy's tokenizer."""
    if shape not in SHAPES:
        raise typer.BadParameter(f"{shape!r} is none of: {', '.join(SHAPES)}")
    folder = models.resolve(DEFAULT_PROXY, download=False).path
    write(SHAPES[shape], output, kind, json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")))
    note(f"{output}: {output.stat().st_size / 1e9:.1f} GB")


def write(shape: Shape, output: Path, kind: str, tokenizer: dict[str, Any]) -> None:
    """Write the file; weights of one shape are the same in all layers.

    Args:
        tokenizer: content of a ``tokenizer.json`` of byte pairs.

    Raises:
        InputError: for another type than ``KINDS``.
    """
    if kind not in KINDS:
        raise InputError(f"the type must be one of {', '.join(KINDS)}, got {kind!r}")
    stored = gguf.GGMLQuantizationType[kind]
    writer = gguf.GGUFWriter(output, "qwen2")
    _describe(writer, shape)
    n_tokens = _add_tokens(writer, tokenizer)
    generator = np.random.default_rng(0)
    made: dict[tuple[int, ...], Any] = {}
    for name, value, size in _tensors(shape, n_tokens):
        if value is not None:
            writer.add_tensor(name, np.full(size, value, dtype=np.float32))
            continue
        if size not in made:
            values = generator.uniform(-_LARGEST_WEIGHT, _LARGEST_WEIGHT, size).astype(np.float32)
            made[size] = gguf.quants.quantize(values, stored)
        writer.add_tensor(name, made[size], raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(shape: Shape, n_tokens: int) -> Iterator[tuple[str, float | None, tuple[int, ...]]]:
    """Name, value and size of each tensor; without a value its weights are random."""
    n, inner, head = shape.hidden, shape.inner, shape.hidden // shape.n_heads
    yield "token_embd.weight", None, (n_tokens, n)
    yield "output_norm.weight", 1.0, (n,)
    for layer in range(shape.n_layers):
        base = f"blk.{layer}"
        for norm in ("attn_norm", "ffn_norm"):
            yield f"{base}.{norm}.weight", 1.0, (n,)
        for part, rows in (("q", n), ("k", head * shape.n_key_heads), ("v", head * shape.n_key_heads)):
            yield f"{base}.attn_{part}.weight", None, (rows, n)
            yield f"{base}.attn_{part}.bias", 0.0, (rows,)
        yield f"{base}.attn_output.weight", None, (n, n)
        for part, rows, columns in (("gate", inner, n), ("up", inner, n), ("down", n, inner)):
            yield f"{base}.ffn_{part}.weight", None, (rows, columns)


def _describe(writer: Any, shape: Shape) -> None:
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.n_layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.n_heads)
    writer.add_head_count_kv(shape.n_key_heads)
    writer.add_rope_freq_base(_ROTARY_BASE)
    writer.add_layer_norm_rms_eps(_EPS)


def _add_tokens(writer: Any, tokenizer: dict[str, Any]) -> int:
    """Add a tokenizer of byte pairs; returns how many tokens it has."""
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    ids = {**tokenizer["model"]["vocab"], **special}
    tokens = sorted(ids, key=ids.__getitem__)
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([_CONTROL if t in special else _NORMAL for t in tokens])
    writer.add_token_merges(merges)
    writer.add_eos_token_id(min(special.values()))
    return len(tokens)
