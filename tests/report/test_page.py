"""The report in a browser: the library's own selections, nothing hostile runs, keys and eyes are served."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ragcompress import (
    Budget,
    CompressedContext,
    Compressor,
    Document,
    InputError,
    Scores,
    Segmentation,
    scorers,
    segment,
)

QUESTION = "Who built the bridge at Oslo, and when?"
HOSTILE = "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"
Show = Callable[..., Any]


def glued(text: str) -> int:
    """Tokens that are not additive: frequent pairs are one, so joining changes counts."""
    tokens, i = 0, 0
    while i < len(text):
        i += 2 if text[i] in " aet\n" else 1
        tokens += 1
    return tokens


def documents() -> list[Document]:
    texts = [
        "The bridge stands in Oslo.  Anna Lund built it in 1902.\n\nFerries cross at noon. It is of larch.",
        "# Anna\n\nShe was born in Bergen. She built nine.\n\n```py\nbuild('bridge')\n```\n\n- one\n- two\n",
        "",
        "Brücken 𝔏 and 橋。 Nothing to see here. 木製である。 "
        + "A long sentence about ferries " * 9
        + "ends.",
        f"Hostile {HOSTILE} text. A line\r\nends & goes on \u202e here.\u2028 \u2066 \x00 and \x1b[31m.",
    ]
    titles = ["Oslo bridge", None, "Empty", "Title  of\nthree", HOSTILE]
    return [
        Document(t, title, metadata={"source": f"{n}.md"})
        for n, (t, title) in enumerate(zip(texts, titles, strict=True))
    ]


def compressor(**options: Any) -> Compressor:
    return Compressor(scorers.make("bm25"), counter=glued, **options)


def drawn(parts: Segmentation, seed: int = 0) -> Scores:
    values = np.random.default_rng(seed).beta(0.4, 2, len(parts.sentences)).round(2)
    return Scores(values, f"draw-{seed}", calibrated=True)


def run(budget: Budget, seed: int = 0, **options: Any) -> CompressedContext:
    parts = segment(documents())
    return compressor(**options)(QUESTION, parts, budget=budget, scores=drawn(parts, seed))


def large(n_documents: int, extra: str = "") -> CompressedContext:
    words = "ferry bridge larch oslo noon fjord anna market stone".split()
    generator = np.random.default_rng(1)
    texts = [
        " ".join(" ".join(generator.choice(words, 9)).capitalize() + "." for _ in range(10))
        for _ in range(n_documents)
    ]
    documents = [Document(t, f"Document {n}") for n, t in enumerate(texts)]
    parts = segment([*documents, Document(extra, extra)])
    return compressor()(QUESTION + extra, parts, budget=Budget(ratio=0.2), scores=drawn(parts))


STATE = """() => ragcompress.views.map((view) => ({
  limit: +document.getElementById("limit").value, text: ragcompress.text(view), tokens: view.now[1],
  states: view.now[2],
  shown: document.querySelector(`#reader [data-view="${view.v}"] .context`).textContent,
  marked: [...document.querySelectorAll(`[id^="s${view.v}-"].kept`)]
    .map((e) => +e.dataset.s),
  selected: document.querySelectorAll(`[id^="s${view.v}-"][aria-selected="true"]`).length,
  pieces: document.querySelectorAll(`[id^="p${view.v}-"]`).length,
}))"""
LETTERS = {
    "o": "over_budget",
    "d": "did_not_fit",
    "t": "too_long",
    "e": "enough",
    "c": "document_cap",
    "x": "other_documents",
}


def check(found: dict[str, Any], expected: CompressedContext) -> None:
    assert (found["text"], found["tokens"]) == (expected.text, expected.tokens_after)
    assert found["shown"] == expected.text
    assert tuple(found["marked"]) == expected.selection.kept
    assert found["selected"] == found["pieces"] == len(expected.selection.kept)
    dropped = {i: LETTERS[c] for i, c in enumerate(found["states"]) if c != "k"}
    assert dropped == dict(expected.selection.dropped)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": "edges", "mark_gaps": True},
        {"order": "best-first", "format": "md"},
        {"order": "best-last", "keep_together": True},
    ],
    ids=lambda o: o.get("order", "source"),
)
@pytest.mark.parametrize("shares", [{}, {"max_documents": 2, "min_per_document": 1}, {"max_per_document": 1}])
def test_at_every_budget_the_page_shows_what_the_library_keeps(
    show: Show, options: dict[str, Any], shares: dict[str, int]
) -> None:
    context = run(Budget(ratio=0.4, **shares), **options)
    page = show(context.to_html())
    check(page.evaluate(STATE)[0], context)
    limits = page.evaluate("ragcompress.data.limits")
    assert {context.limit, context.tokens_before} <= set(limits)
    for limit in limits[:: max(1, len(limits) // 40)]:
        page.evaluate("limit => ragcompress.position(limit)", limit)
        found = page.evaluate(STATE)[0]
        assert found["limit"] == limit
        budget = Budget(max_tokens=limit, **shares)
        check(
            found, compressor(**options)(QUESTION, context.segmentation, budget=budget, scores=context.scores)
        )


def test_slider_and_field_lead_to_budgets_that_exist(show: Show) -> None:
    context = run(Budget(max_tokens=150))
    page = show(context.to_html())
    limits = page.evaluate("ragcompress.data.limits")
    page.locator("#slider").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#limit").input_value() == str(limits[limits.index(150) + 1])
    page.keyboard.press("End")
    assert page.evaluate(STATE)[0]["states"].count("k") == len(segment(documents()).sentences)
    assert page.locator("#next").inner_text() == "Everything is kept."
    for typed, reached in (
        ("1", limits[0]),
        ("99999", limits[-1]),
        ("201", max(x for x in limits if x <= 201)),
    ):
        page.locator("#limit").fill(typed)
        page.keyboard.press("Enter")
        assert page.locator("#limit").input_value() == str(reached)
    page.locator("#reset").click()
    assert page.locator("#limit").input_value() == "150"
    assert (
        page.locator("#slider").get_attribute("aria-valuetext")
        == f"150 tokens, {100 * 150 / context.tokens_before:.0f} %"
    )


def test_what_more_would_cost_is_what_the_library_would_keep_for_it(show: Show) -> None:
    context = run(Budget(max_tokens=150))
    page = show(context.to_html())
    p, ranking = context.scores.values, context.scores.ranking()
    limits = page.evaluate("ragcompress.data.limits")

    def kept(limit: int) -> tuple[int, ...]:
        budget = Budget(max_tokens=limit)
        return compressor()(
            QUESTION, context.segmentation, budget=budget, scores=context.scores
        ).selection.kept

    def share(limit: int) -> float:
        return float(p[list(kept(limit))].sum() / p.sum())

    for limit in (60, 150, 300):
        page.evaluate("limit => ragcompress.position(limit)", limit)
        told = re.fullmatch(
            r"(?:(\d+) % of the evidence would take (\d+) more tokens. )?"
            r"The best that was dropped, rank (\d+), would take (\d+) more tokens: .*",
            page.locator("#next").inner_text(),
        )
        assert told
        goal, at, rank, cost = (int(x or 0) for x in told.groups())
        best = next(i for i in ranking if i not in kept(limit))
        assert ranking[rank - 1] == best
        assert best in kept(limit + cost)
        below = [x for x in limits if limit < x < limit + cost]
        assert not any(best in kept(x) for x in below[-5:])
        assert not goal or share(limit) < goal / 100 <= share(limit + at)


def test_a_run_that_aimed_at_a_recall_is_shown_as_it_was(show: Show) -> None:
    context = run(Budget(recall=0.8))
    assert "enough" in context.selection.dropped.values()
    page = show(context.to_html())
    check(page.evaluate(STATE)[0], context)
    page.evaluate("ragcompress.position(60)")
    page.locator("#reset").click()
    check(page.evaluate(STATE)[0], context)


def test_two_scorers_stand_side_by_side(show: Show) -> None:
    first, second = run(Budget(max_tokens=200)), run(Budget(max_tokens=200), seed=1)
    page = show(first.to_html(compare=second))
    for limit in (60, 120, 200, 300):
        page.evaluate("limit => ragcompress.position(limit)", limit)
        for found, context in zip(page.evaluate(STATE), (first, second), strict=True):
            again = compressor()(
                QUESTION,
                context.segmentation,
                budget=Budget(max_tokens=found["limit"]),
                scores=context.scores,
            )
            check(found, again)
    kept = [set(c.selection.kept) for c in (first, second)]
    page.locator("#reset").click()
    assert (
        page.locator("#agreement")
        .inner_text()
        .startswith(f"Kept by both: {len(kept[0] & kept[1])}. Only by draw-0: {len(kept[0] - kept[1])}.")
    )
    assert page.locator("#documents .view0 .differs").count() == len(kept[0] ^ kept[1])


def test_nothing_hostile_runs_and_nothing_is_fetched(show: Show) -> None:
    parts = segment(documents())
    context = compressor()(HOSTILE, parts, budget=Budget(ratio=1.0), scores=drawn(parts))
    page = show(context.to_html(compare=context))
    assert page.locator("h1").text_content() == HOSTILE
    page.locator(".s").last.hover()
    assert page.evaluate("window.pwned") is None
    assert page.locator("img, iframe, object, embed, link").count() == 0


def test_the_policy_stops_what_would_slip_through(browser: Any, tmp_path: Any) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        run(Budget(ratio=0.5)).to_html().replace("</main>", f"</main>{HOSTILE}"), encoding="ascii"
    )
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(path.as_uri())
    assert page.evaluate("window.pwned") is None
    assert any("Content Security Policy" in line for line in refused)
    page.close()


def test_code_looks_like_code_where_it_is_kept_too(show: Show) -> None:
    page = show(run(Budget(ratio=1.0)).to_html())
    fonts = page.evaluate(
        """[".s", ".piece"].map((kind) => [...document.querySelectorAll(kind)].map((e) => [
             e.textContent.includes("build('"), getComputedStyle(e).fontFamily.includes("monospace")]))"""
    )
    assert all(is_code == is_mono for side in fonts for is_code, is_mono in side)
    assert [sum(is_code for is_code, _ in side) for side in fonts] == [1, 1]


def test_without_scripts_the_run_is_there(show: Show) -> None:
    context = run(Budget(ratio=0.4))
    page = show(context.to_html(), java_script_enabled=False)
    assert page.locator(".s").count() == len(context.segmentation.sentences)
    assert page.locator(".s.kept").count() == len(context.selection.kept) == page.locator(".piece").count()
    assert page.locator("#control").is_hidden()
    assert page.locator('[data-tile="tokens"]').inner_text() == f"{context.tokens_after:,}"


def test_a_context_without_its_layout_has_no_slider(show: Show) -> None:
    context = run(Budget(ratio=0.4))
    bare = CompressedContext(**{f: getattr(context, f) for f in context.__slots__ if f != "layout"})
    page = show(bare.to_html())
    assert page.locator("#control").is_hidden()
    assert "came without its counter" in page.locator(".note").inner_text()
    page.locator(".s.kept").first.hover()
    assert "Kept." in page.locator("#tip").inner_text()


def test_keys_lead_through_sentences_and_to_the_context_and_back(show: Show) -> None:
    context = run(Budget(ratio=0.4))
    page = show(context.to_html())
    first = context.selection.kept[0]
    page.locator(f"#p0-{first}").focus()
    page.keyboard.press("Enter")
    here = "document.activeElement.id"
    assert page.evaluate(here) == f"s0-{first}"
    assert "Kept." in page.locator("#tip").inner_text()
    assert page.locator("#tip .at").inner_text().startswith("0.md [")
    page.keyboard.press("Enter")
    assert page.evaluate(here) == f"p0-{first}"
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(here) == f"s0-{first + 1}"
    page.keyboard.press("Home")
    sentences = context.segmentation.sentences
    start = next(i for i, s in enumerate(sentences) if s.document == sentences[first + 1].document)
    assert page.evaluate(here) == f"s0-{start}"
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    assert page.locator('.text [tabindex="0"]').count() == page.locator(".text").count()


def test_pointing_at_a_sentence_tells_score_rank_and_reason(show: Show) -> None:
    context = run(Budget(max_tokens=120))
    page = show(context.to_html())
    ranking = context.scores.ranking()
    worst = ranking[-1]
    page.locator(f"#s0-{worst}").hover()
    told = page.locator("#tip").inner_text()
    assert f"score {context.scores.values[worst]:.3f}, rank {len(ranking)} of {len(ranking)}" in told
    assert "Dropped:" in told
    assert "First kept at" in told
    page.mouse.move(1, 1)
    assert page.locator("#tip").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("compared", [False, True], ids=["one", "two"])
def test_axe_finds_nothing_to_complain_about(show: Show, scheme: str, compared: bool) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe
    context, other = run(Budget(ratio=0.4)), run(Budget(ratio=0.4), seed=1)
    page = show(context.to_html(compare=other if compared else None), color_scheme=scheme, bypass_csp=True)
    page.locator(".s.kept").first.hover()
    # At the smallest budget good sentences are dropped: dim text on strong shades.
    for limit in (context.limit, 1):
        page.evaluate("limit => ragcompress.position(limit)", limit)
        found = axe().run(page).response["violations"]
        assert [
            (v["id"], [n["target"] for n in v["nodes"][:3]], v["nodes"][0]["failureSummary"]) for v in found
        ] == []


def test_a_step_touches_only_what_changes_in_a_thousand_sentences(show: Show) -> None:
    context = large(100)
    page = show(context.to_html())
    assert page.locator(".s").count() == 1000
    changed, touched = page.evaluate(
        """async () => {
          const before = ragcompress.views[0].now[2];
          const seen = new Set();
          const observer = new MutationObserver((all) => all.forEach((m) => seen.add(m.target.dataset?.s)));
          observer.observe(document.getElementById("documents"), {attributes: true, subtree: true});
          const slider = document.getElementById("slider");
          slider.value = +slider.value + 1;
          slider.dispatchEvent(new Event("input"));
          await new Promise((done) => setTimeout(done));
          const after = ragcompress.views[0].now[2];
          return [[...after].filter((c, i) => (c === "k") !== (before[i] === "k")).length, seen.size];
        }"""
    )
    assert changed == touched > 0


def test_on_paper_everything_is_there_but_the_controls(show: Show) -> None:
    page = show(run(Budget(ratio=0.4)).to_html())
    page.emulate_media(media="print")
    assert page.locator("#control").is_hidden()
    assert all(s.is_visible() for s in page.locator(".s").all())
    assert page.pdf()[:5] == b"%PDF-"


@pytest.mark.parametrize("long", [False, True], ids=["short", "long"])
def test_nothing_overflows_a_phone(show: Show, long: bool) -> None:
    context, other = run(Budget(ratio=0.4)), run(Budget(ratio=0.4), seed=1)
    if long:
        context = other = large(60, "w" * 2_000)
    page = show(context.to_html(compare=other), viewport={"width": 360, "height": 740})
    for limit in (context.limit, context.tokens_before):
        page.evaluate("limit => ragcompress.position(limit)", limit)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_notebook_shows_it_in_a_frame(show: Show) -> None:
    context = run(Budget(ratio=0.4))
    page = show(f"<!doctype html><meta charset=ascii>{context._repr_html_()}")
    frame = page.frame_locator("iframe")
    assert frame.locator(".s.kept").count() == len(context.selection.kept)
    frame.locator("#slider").focus()
    page.keyboard.press("End")
    assert frame.locator(".s.kept").count() == len(context.segmentation.sentences)
    frame.locator(".piece").first.click()
    assert frame.locator(".s.here").count() == 1


def test_only_the_same_sentences_can_be_compared() -> None:
    context = run(Budget(ratio=0.4))
    parts = segment(documents()[:1])
    other = compressor()(QUESTION, parts, budget=Budget(ratio=0.9))
    with pytest.raises(InputError, match="different sentences"):
        context.to_html(compare=other)
    with pytest.raises(InputError, match="different questions"):
        context.to_html(compare=compressor()("Why?", context.segmentation, budget=Budget(ratio=0.4)))
    with pytest.raises(InputError, match="different ways"):
        context.to_html(compare=run(Budget(ratio=0.4), format="md"))
