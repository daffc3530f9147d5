"""``Plan``: checks itself, travels, and every option is in one place."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

import pytest
from shared import words
from typer.testing import CliRunner, Result

from ragcompress import (
    OPTIONS,
    AttentionSort,
    Budget,
    Compressor,
    Document,
    InputError,
    Plan,
    PlanOptions,
    RagCompressError,
    UnknownName,
)
from ragcompress.cli.app import app
from ragcompress.proxy import loading
from ragcompress.scorers.bm25 import Scorer as Bm25

EVERYTHING = Plan(
    budget=Budget(ratio=0.3, max_documents=4),
    scorer="bm25",
    scorer_settings={"k1": 1.5},
    probe="my-probe",
    proxy="folder",
    backend="torch",
    precision="float16",
    order=AttentionSort(repeats=2),
    keep_together=True,
    format="md",
    mark_gaps=True,
    headings=True,
    near_repeats=0.5,
    whole_documents=True,
    language="es",
    timeout=2.5,
    on_error="passthrough",
)
WITH_ALL_OPTIONS = ("compress", "batch", "explain", "support", "demo", "index compress")
TEXT = "The bridge is old. Anna Lund built it in 1902. Ferries cross at noon."


@pytest.mark.parametrize("plan", [Plan(), EVERYTHING, Plan(order="attention-sort")])
def test_a_plan_survives_json_and_another_process(plan: Plan) -> None:
    written = json.loads(json.dumps(plan.to_dict()))
    assert Plan.from_dict(written) == plan
    assert pickle.loads(pickle.dumps(plan)) == plan  # as worker processes get it
    assert hash(Plan.from_dict(written)) == hash(plan)
    assert set(written) == {f.name for f in fields(Plan)}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scorer": "bm52"}, UnknownName, "known are: attentionrag"),
        ({"scorer": 3}, InputError, "scorer must be a text"),
        ({"proxy": " "}, InputError, "proxy must be a text"),
        ({"backend": "jax"}, UnknownName, "known are: onnx, torch"),
        ({"precision": "float16"}, UnknownName, "precision of the onnx backend 'float16'"),
        ({"precision": "int8", "backend": "torch"}, UnknownName, "precision of the torch backend 'int8'"),
        ({"order": "best"}, UnknownName, "known are: source"),
        ({"format": "html"}, UnknownName, "known are: text, md, plain"),
        ({"mark_gaps": 1}, InputError, "mark_gaps must be true or false, got 1"),
        ({"timeout": 0}, InputError, "timeout must be a number of seconds above 0"),
        ({"on_error": "ignore"}, UnknownName, "known are: raise, passthrough"),
        ({"budget": 100}, InputError, "budget must be a Budget or None, got int"),
        ({"scorer_settings": [1]}, InputError, "must be a mapping"),
        ({"language": ""}, InputError, "language must be a text"),
        ({"language": "german"}, InputError, "language must be an ISO 639-1 code such as 'en'"),
        ({"abstain_below": "0.5"}, InputError, "abstain_below must lie in (0, 1], got '0.5'"),
        ({"abstain_below": True}, InputError, "abstain_below must lie in (0, 1], got True"),
        ({"near_repeats": 1.5}, InputError, "near_repeats must lie in [0, 1], got 1.5"),
    ],
)
def test_what_makes_no_sense_is_refused_at_birth(
    options: dict[str, Any], error: type[RagCompressError], message: str
) -> None:
    with pytest.raises(error) as raised:
        Plan(**options)
    assert message in str(raised.value)


def test_a_misspelled_option_gets_a_hint() -> None:
    with pytest.raises(InputError, match="did you mean 'max_tokens'"):
        Plan.from_options({"max_token": 3})
    with pytest.raises(InputError, match="did you mean 'headings'"):
        Plan.from_dict({"heading": True})
    with pytest.raises(InputError, match="did you mean 'mark_gaps'"):
        Compressor(Bm25(), counter=words, mark_gap=True)  # type: ignore[call-arg]


def test_an_option_of_the_budget_is_sent_there() -> None:
    with pytest.raises(InputError, match=r"it is the budget's, as in budget=Budget\(max_tokens=…\)"):
        Compressor.from_pretrained(max_tokens=800)  # type: ignore[call-arg]


def test_what_is_not_json_is_said_when_it_is_written() -> None:
    with pytest.raises(InputError, match="scorer_settings can't be written"):
        Plan(scorer_settings={"probe": object()}).to_dict()


def test_the_mapping_of_the_caller_stays_his() -> None:
    settings: dict[str, Any] = {"k1": 1}
    plan = Plan(scorer="bm25", scorer_settings=settings)
    settings["k1"] = 2
    assert plan.scorer_settings == {"k1": 1}
    with pytest.raises(TypeError):
        plan.scorer_settings["k1"] = 3  # type: ignore[index]


def test_flat_options_name_a_budget_or_get_the_default() -> None:
    assert Plan.from_options({"order": "edges"}) == Plan(
        budget=Budget(ratio=0.2, min_tokens=150), order="edges"
    )
    assert Plan.from_options({"max_tokens": 9, "min_per_document": 1}).budget == Budget(
        max_tokens=9, min_per_document=1
    )


def test_precisions_are_those_of_the_backends() -> None:
    session = pytest.importorskip("ragcompress.proxy.onnx.session")
    assert loading.PRECISIONS["onnx"] == session.PRECISIONS


def test_a_compressor_keeps_to_its_plan_unless_the_call_says_otherwise() -> None:
    plan = Plan(budget=Budget(max_tokens=6), order="edges", mark_gaps=True)
    compressor = Compressor(Bm25(), counter=words, plan=plan, headings=True)
    assert compressor.plan == plan.with_options({"headings": True})
    context = compressor("Who built it?", [Document(TEXT)])
    assert context.limit == 6 and context.settings["headings"] and context.settings["order"] == "edges"
    assert compressor("Who?", [Document(TEXT)], budget=Budget(max_tokens=8)).limit == 8
    assert Plan.from_dict({k: context.settings[k] for k in plan.layout_settings()}).headings
    with pytest.raises(InputError, match="needs a budget"):
        Compressor(Bm25(), counter=words)("Who?", [Document(TEXT)])


def test_language_reaches_the_splitter() -> None:
    text = "El Sr. Holm y la Sra. Lund lo hicieron en EE. UU. en la pág. 5. Llovió."
    spanish = Compressor(Bm25(), counter=words, language="es")(
        "Lund?", [Document(text)], budget=Budget(ratio=1)
    )
    english = Compressor(Bm25(), counter=words, language="en")(
        "Lund?", [Document(text)], budget=Budget(ratio=1)
    )
    assert len(spanish.segmentation.sentences) == 2 < len(english.segmentation.sentences)


# One place for an option: what follows fails for a field of Plan that somebody does not get.


def test_every_field_is_an_option_with_a_keyword_of_its_own() -> None:
    flat = {f.name for f in fields(Plan)} - {"budget"} | {f.name for f in fields(Budget)}
    assert set(OPTIONS) == flat == set(get_type_hints(PlanOptions))
    hints = {**get_type_hints(Budget), **get_type_hints(Plan)}
    assert {n: hints[n] for n in OPTIONS} == {n: get_type_hints(PlanOptions)[n] for n in OPTIONS}
    assert all(option.help.endswith(".") or option.choices for option in OPTIONS.values())
    assert len({option.flag for option in OPTIONS.values()}) == len(OPTIONS)


@pytest.mark.parametrize("command", WITH_ALL_OPTIONS)
def test_every_command_has_every_option(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"]).stdout
    assert [option.flag for option in OPTIONS.values() if f"  {option.flag} " not in shown] == []


def test_options_of_the_command_line_reach_the_result(invoke: Callable[..., Result]) -> None:
    options = (
        "--headings",
        "--mark-gaps",
        "--order",
        "edges",
        "--language",
        "es",
        "--scorer-setting",
        "k1=0.5",
    )
    result = invoke(
        "compress", "Who built it?", "-", "--format", "json", "--ratio", 0.9, *options, stdin=TEXT.encode()
    )
    assert result.exit_code == 0, result.stderr
    settings = json.loads(result.stdout)["settings"]
    expected = {"headings": True, "mark_gaps": True, "order": "edges", "language": "es"}
    assert expected.items() <= settings.items()
    assert settings["scorer_settings"]["k1"] == 0.5


@pytest.mark.slow
def test_every_adapter_has_every_option() -> None:
    langchain = pytest.importorskip("ragcompress_adapters.langchain")
    llama_index = pytest.importorskip("ragcompress_adapters.llama_index")
    haystack = pytest.importorskip("ragcompress_adapters.haystack")
    changed = {
        name: "torch" if name == "backend" else "float16" if name == "precision" else value
        for name, value in OPTIONS_CHANGED.items()
    }
    # What adapters return are documents: they set the format themselves. top_n is their name for one option.
    named = {"top_n" if name == "max_documents" else name: value for name, value in changed.items()}
    for cls in (langchain.RagCompressor, llama_index.RagCompressPostprocessor):
        assert set(named) <= set(cls.model_fields)
        assert shown(cls(**named).plan()) == shown(Plan.from_options(changed))
    named["top_k"] = named.pop("top_n")
    assert named.items() <= haystack.RagCompressor(**named).to_dict()["init_parameters"].items()


OPTIONS_CHANGED: dict[str, Any] = {
    **{n: v for n, v in EVERYTHING.to_dict().items() if n not in ("budget", "format", "order")},
    **{n: getattr(EVERYTHING.budget, n) for n in ("ratio", "max_documents")},
    "min_per_document": 1,
    "max_per_document": 2,
    "order": "edges",
}


def shown(plan: Plan) -> dict[str, Any]:
    return {**plan.to_dict(), "format": None, "keep_together": None}
