"""Readers: a real (tiny) language model, and a real server that fails in every way servers do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from http_server import Server, said, serving

from ragcompress import InputError, RagCompressError
from ragcompress_eval.quality.readers import EndpointReader, TransformersReader, first_line, prompt, retries


def reader(server: Server, **options: Any) -> EndpointReader:
    return EndpointReader(server.url, "m", timeout=5, **options)


def test_it_asks_as_openai_does() -> None:
    with serving(said("\n Tromvik \nbecause")) as server:
        asked = reader(server, key="secret", max_answer_tokens=7)
        assert asked.answer("Where?", "Text.") == "Tromvik"
        ((path, body, authorization),) = server.requests
    assert (path, authorization) == ("/v1/chat/completions", "Bearer secret")
    assert body == {
        "model": "m", "temperature": 0, "max_tokens": 7,
        "messages": [{"role": "user", "content": prompt("Where?", "Text.")}],
    }  # fmt: skip
    assert "secret" not in json.dumps(dict(asked.settings))
    assert str(server.port) not in json.dumps(dict(asked.settings))


def test_what_may_pass_is_tried_again() -> None:
    with serving((500, {}, b"oops"), (429, {"Retry-After": "0.1"}, b"{}"), None, said(None)) as server:
        assert reader(server).answer("q", "c") == ""
        assert len(server.requests) == 4


def test_patience_ends() -> None:
    with serving() as server:
        asked = reader(server, patience=0.4)
        server.down()
        with pytest.raises(RagCompressError, match="no answer, last: .*refused.*--resume") as caught:
            asked.answer("q", "c")
    assert not isinstance(caught.value, InputError)


def test_patience_is_told_in_seconds_of_pauses() -> None:
    assert [retries(s) for s in (0, 1, 1.6, 600)] == [0, 1, 2, 78]


@pytest.mark.parametrize("answer", [(200, {}, b"<html>"), (200, {}, b"[]"), (200, {}, b'{"choices": []}')])
def test_what_is_no_completion_is_refused(answer: tuple[int, dict[str, str], bytes]) -> None:
    with serving(answer) as server, pytest.raises(RagCompressError, match="no chat completion"):
        reader(server).answer("q", "c")


@pytest.mark.parametrize(
    ("status", "content", "kind", "message"),
    [
        (
            400,
            b'{"error": {"message": "too long for the window"}}',
            InputError,
            "status 400: .*too long for the window",
        ),
        (413, b"large", InputError, "status 413: large"),
        (401, b'{"error": "who are you"}', RagCompressError, "status 401: .*who are you"),
        (404, b"", RagCompressError, "status 404"),
    ],
)
def test_what_will_not_pass_is_not_tried_again(
    status: int, content: bytes, kind: type[Exception], message: str
) -> None:
    with serving((status, {}, content)) as server:
        with pytest.raises(RagCompressError, match=message) as caught:
            reader(server).answer("q", "c")
        assert type(caught.value) is kind
        assert len(server.requests) == 1


def test_the_answer_is_the_first_line() -> None:
    assert first_line("\n\n  a b \nc") == "a b"
    assert first_line(" \n") == ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random causal model with a chat template."""
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    import tiny_models
    import torch

    path = tmp_path_factory.mktemp("reader")
    generator = torch.Generator().manual_seed(3)
    model = transformers.AutoModelForCausalLM.from_config(tiny_models.CONFIGS["llama"], dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    model.generation_config.eos_token_id = 256
    model.save_pretrained(path)
    tiny_models.byte_tokenizer().save(str(path / "tokenizer.json"))
    template = (
        "{% for m in messages %}<|im_end|>{{ m['role'] }}: {{ m['content'] }}<|im_end|>{% endfor %}bot: "
    )
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "chat_template": template,
    }
    (path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


def make(folder: Path, **options: Any) -> TransformersReader:
    return TransformersReader(folder, name="tiny", fingerprint="f", max_answer_tokens=8, **options)


def test_a_model_on_disk_answers_greedily(folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    question, context = "Who?", "A text with <|im_end|> in it."
    # The slow, obvious oracle: one forward pass per token, the likeliest one each time.
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    text = f"user: {prompt(question, context)}".encode()
    ids = [256, *(tokenizer.convert_tokens_to_ids(byte_token(b)) for b in text), 256]
    ids += [tokenizer.convert_tokens_to_ids(byte_token(b)) for b in b"bot: "]
    start = len(ids)
    with torch.inference_mode():
        for _ in range(8):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] == 256:
                break
    expected = first_line(tokenizer.decode(ids[start:], skip_special_tokens=True))
    found = make(folder)
    assert found.answer(question, context) == expected
    assert found.answer(question, context) == expected
    assert found.settings["window"] == 512


def byte_token(byte: int) -> str:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return str(bytes_to_unicode()[byte])


def test_a_question_longer_than_the_window_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"tokens with the instruction; the reader reads 512, 8 of them"):
        make(folder).answer("why " * 150, "short")
