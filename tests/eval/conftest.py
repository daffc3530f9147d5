"""What several tests of the harness share."""

from __future__ import annotations

from pathlib import Path

import pytest
from shared import save_tokenizer_only


@pytest.fixture
def proxy(tmp_path: Path) -> str:
    """A model folder of which only the tokenizer is real: enough for scorers that need no proxy."""
    return str(save_tokenizer_only(tmp_path / "tiny-model"))
