#!/usr/bin/env bash
# From a clone, on a machine with a CUDA GPU: are the scores those of the CPU, and what does it take?
# PYTHON: an interpreter with what '.[dev]' installs, and a torch that sees the GPU. OUT: a folder for the results.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python} OUT=${OUT:-out}
mkdir -p "$OUT"
export PYTHONPATH=.:adapters:eval
"$PYTHON" -m pytest -q tests/model/test_gpu.py
"$PYTHON" -m ragcompress_eval speed eval/data/hotpotqa.dev.jsonl.gz --passages 10 --passages 100 --passages 1000 --tokens 110 \
    --runs 9 --contestant torch --contestant forward-torch --contestant torch-float32 --contestant onnx \
    --json "$OUT/speed-gpu.json" --plot "$OUT/speed-gpu.png"
