"""schemathesis over the OpenAPI page: what the server says of itself is what it does, whatever is sent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving_parts import get, serving

from ragcompress.serving.app import Service
from ragcompress.serving.limits import Limits

EXAMPLES = int(os.environ.get("RAGCOMPRESS_EXAMPLES", "15"))
IS_FUZZING = "RAGCOMPRESS_EXAMPLES" in os.environ  # else the same requests each time
OPERATIONS = [
    *((path, "POST") for path in ("/v1/compress", "/rerank", "/v1/rerank", "/v2/rerank", "/retrieval")),
    *((f"/api/compress/question-specific/{end}", "POST") for end in ("", "batch")),
    *((path, "GET") for path in ("/healthz", "/readyz", "/info", "/v1/models", "/metrics")),
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(service=Service(limits=Limits(deadline=100))) as found:
        yield found


@pytest.fixture(scope="module")
def described(url: str) -> Any:
    return schemathesis.openapi.from_url(f"{url}/openapi.json", timeout=120)


def test_every_operation_is_tried(url: str) -> None:
    paths = get(f"{url}/openapi.json").json()["paths"]
    assert {(path, verb.upper()) for path, verbs in paths.items() for verb in verbs} == set(OPERATIONS)


@pytest.mark.parametrize(("path", "verb"), OPERATIONS)
def test_every_answer_is_one_that_the_page_describes(url: str, described: Any, path: str, verb: str) -> None:
    # Whether a budget is enough for the documents is no matter of the schema.
    excluded = [] if "retrieval" in path or "api" in path else [positive_data_acceptance]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=not IS_FUZZING,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=described[path][verb].as_strategy())
    def holds(case: Any) -> None:
        case.call_and_validate(base_url=url, timeout=120, excluded_checks=excluded)

    holds()
    assert get(f"{url}/readyz").status_code == 200
