"""Batches on a real Ray cluster of two nodes on this machine; one is killed midway."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ragcompress.cli.app import app

pytest.importorskip("ray")

pytestmark = [
    pytest.mark.ray,
    # Ray's own: files and sockets that it leaves to the end of the process, and notices of later versions.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
FILLER = (
    "The ferry leaves at noon. The bridge is of larch. Anna Lund built it in 1902. Rain fell on the fjord. "
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False, logging_level="error")
    yield made
    ray.shutdown()
    made.shutdown()


def untimed(path: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "seconds": None} for line in path.read_text().splitlines()]


def test_a_node_that_dies_loses_no_request(cluster: Any, tmp_path: Path, counting_folder: Path) -> None:
    with (tmp_path / "in.jsonl").open("w") as file:
        for i in range(500):
            documents = [{"text": f"Number {i}. {FILLER * 50}"}]
            request = {"id": i, "question": "Who built it?", "documents": documents}
            file.write("\n" if i % 9 == 4 else "{\n" if i % 50 == 7 else json.dumps(request) + "\n")
    fixed = ["batch", str(tmp_path / "in.jsonl"), "--scorer", "bm25", "--proxy", str(counting_folder)]
    fixed += ["--budget", "200", "-o"]
    local = CliRunner().invoke(app, [*fixed, str(tmp_path / "local.jsonl")])
    assert local.exit_code == 1
    partial = tmp_path / "ray.jsonl.partial"
    second = next(iter(cluster.worker_nodes))
    seen: list[int] = []

    def kill_when_begun() -> None:
        while not (partial.exists() and partial.stat().st_size):
            time.sleep(0.01)
        seen.append(partial.stat().st_size)
        cluster.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill_when_begun, daemon=True)
    killer.start()
    options = ["--engine", "ray", "--workers", "2", "--address", cluster.address]
    result = CliRunner().invoke(app, [*fixed, str(tmp_path / "ray.jsonl"), *options])
    assert result.exit_code == 1, result.output
    killer.join(timeout=30)
    assert seen and seen[0] < (tmp_path / "ray.jsonl").stat().st_size
    assert untimed(tmp_path / "ray.jsonl") == untimed(tmp_path / "local.jsonl")
    errors = [(tmp_path / f"{name}.errors.jsonl").read_bytes() for name in ("ray", "local")]
    assert errors[0] == errors[1]


def test_a_dataset_gets_a_row_per_row(cluster: Any, counting_folder: Path) -> None:
    import ray

    from ragcompress import Budget, Plan
    from ragcompress.batch.ray import compress_dataset

    lines = [json.dumps({"id": i, "question": "noon?", "documents": [{"text": FILLER}]}) for i in range(5)]
    dataset = compress_dataset(
        ray.data.from_items([{"text": line} for line in [*lines, "{"]]),
        plan=Plan(budget=Budget(max_tokens=60), scorer="bm25", proxy=str(counting_folder)),
        num_cpus=0.5,
    )
    rows = sorted(dataset.take_all(), key=lambda r: r["failed"])
    assert [json.loads(r["result"])["id"] for r in rows[:5]] == list(range(5))
    assert rows[0]["tokens_after"] <= 60 < rows[0]["tokens_before"]
    assert "JSON" in json.loads(rows[5]["result"])["reason"]
