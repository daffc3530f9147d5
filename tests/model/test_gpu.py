"""The torch backend on a CUDA GPU, against the CPU. Runs where there is one (``deploy/gpu.sh``)."""

from __future__ import annotations

import numpy as np
import pytest

from ragcompress import load_proxy, models, samples, scorers, segment

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here"),
]


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-3), ("bfloat16", 0.1)])
def test_a_gpu_gives_the_scores_of_the_cpu(
    default_folder: models.ModelFolder, precision: str, tolerance: float
) -> None:
    sample = samples.demo()
    whole = segment(sample.documents)

    def scores(**settings: object) -> np.ndarray:
        proxy = load_proxy(default_folder.name, download=False, **settings)  # type: ignore[arg-type]
        return scorers.make("passage-probe", proxy=lambda: proxy).score(sample.question, whole).values

    on_gpu = scores(backend="torch", precision=precision)
    assert np.abs(on_gpu - scores(backend="onnx", precision="float32")).max() < tolerance
