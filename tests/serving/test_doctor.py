"""``ragcompress doctor --server`` against real servers."""

from __future__ import annotations

from pathlib import Path

import pytest
from serving_parts import serving, words_only
from typer.testing import CliRunner

from ragcompress import Compressor, ModelNotFound
from ragcompress.cli.app import app
from ragcompress.serving.app import Service, create_app
from ragcompress.serving.engine import OnLookup
from ragcompress.serving.limits import Keys, Limits

KEY = "a-long-enough-key"


def doctor(url: str, *more: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", "--server", url, *map(str, more)])
    return done.exit_code, " ".join((done.stdout + done.stderr).split())


def test_a_sound_server_is_found_sound() -> None:
    with serving(words_only, Service(limits=Limits(deadline=100))) as url:
        code, text = doctor(url)
    assert code == 0, text
    assert "scorer bm25" in text
    assert "compress ok" in text


def test_a_key_is_missed_and_found(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{KEY}\n", encoding="utf-8")
    with serving(words_only, Service(limits=Limits(deadline=100), keys=Keys((KEY,)))) as url:
        code, text = doctor(url)
        assert (code, "no key, or a wrong one" in text) == (1, True)
        assert doctor(url, "--api-keys", file)[0] == 0


def test_what_is_broken_is_said() -> None:
    from serving_parts import get, running

    def load(on_lookup: OnLookup) -> Compressor:
        raise ModelNotFound("there is no such model")

    with running(lambda: create_app(load)) as url:
        while "no such model" not in get(f"{url}/readyz").text:
            pass
        code, text = doctor(url)
    assert (code, "there is no such model" in text) == (1, True)
    code, text = doctor("http://127.0.0.1:9")
    assert (code, "can't be reached" in text) == (1, True)


@pytest.mark.parametrize("url", ["localhost:8484", "ftp://x"])
def test_an_address_must_be_one(url: str) -> None:
    code, text = doctor(url)
    assert (code, "must begin with http://" in text) == (1, True)
