"""``ragcompress doctor --server`` against real servers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


@pytest.mark.parametrize("url", ["http://[::1", "http://h:99999", "http://", "http://a b", "http://:80"])
def test_an_address_that_leads_nowhere_is_said(url: str) -> None:
    code, text = doctor(url)
    assert (code, "the server's address" in text, "a bug" in text) == (1, True, False), text


@contextmanager
def answering(content: bytes) -> Iterator[str]:
    """A port that gives one answer to all who come, whatever they ask."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(content)

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def test_a_server_that_speaks_another_language_is_said() -> None:
    with answering(b"SSH-2.0-OpenSSH_9.2\r\n") as url:
        code, text = doctor(url)
    assert (code, "gives no answer in HTTP" in text, "a bug" in text) == (1, True, False), text


def test_a_server_of_others_is_said() -> None:
    body = b'{"version": "1", "scorer": "x"}'
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with answering(head + body) as url:
        code, text = doctor(url)
    assert (code, "the answer has no tokens_before" in text, "a bug" in text) == (1, True, False), text


def test_a_key_that_no_header_can_hold_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("日本日本日本日本日本日本日本日本\n", encoding="utf-8")
    code, text = doctor("http://127.0.0.1:9", "--api-keys", file)
    assert (code, "printable ASCII" in text, "a bug" in text) == (1, True, False), text
