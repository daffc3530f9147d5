"""``ragcompress-eval lookback``: ratios by hand and against all of a model's attention, and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ragcompress import Budget, Compressor, RagCompressError, given, load_proxy, scorers
from ragcompress_eval import cli, lookback
from ragcompress_eval.lookback import Draft

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"


def test_ratios_by_hand() -> None:
    # 4 tokens of prompt and 1, then 2, written since: 0.2 / (0.2 + 0.2) and 0.1 / (0.1 + 0.3).
    found = lookback.lookback_ratios(np.array([0.8, 0.4])[:, None, None], 4)
    assert found.ravel() == pytest.approx([0.5, 0.25])


def drafts(n: int, telling: bool) -> list[Draft]:
    rng = np.random.default_rng(0)
    right = np.arange(n) % 2 == 0
    ratios = rng.uniform(0.4, 0.6, (n, 6)) + 0.3 * (telling & right)[:, None]
    return [
        Draft("t", bool(r), x.tolist(), -1.0, float(rng.random())) for r, x in zip(right, ratios, strict=True)
    ]


def test_what_tells_is_found_and_what_does_not_is_not() -> None:
    told = {r["signal"]: r["auc"] for r in lookback.summarise({"d": drafts(60, True), "e": []}, seed=0)}
    assert told["lookback ratios"] > 0.95
    assert told["probability"] == 0.5
    (ratios, *_) = lookback.summarise({"d": drafts(60, False)}, seed=0)
    low, high = ratios["ci"]
    assert low < 0.5 < high
    with pytest.raises(RagCompressError, match="2 right and 2 wrong"):
        lookback.summarise({"d": drafts(4, True)}, seed=0)


def test_a_draft_equals_the_model_read_in_full(tmp_path: Path) -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    import tiny_models

    folder = tiny_models.save_model("llama", tmp_path / "tiny")
    proxy = load_proxy(folder, precision="float32")
    compressor = Compressor(scorers.make("lead"), counter=proxy.tokenizer)
    context = compressor("who?", given([["Ann built it.", "It is red."]]), budget=Budget(ratio=1.0))
    made = lookback.draft(context, ["zzz"], proxy)
    assert made is not None and not made.right and made.text
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    model.lm_head.weight = model.model.embed_tokens.weight  # the folder has no head of its own
    pieces = [lookback.TEMPLATE.head, *["Ann built it.", " It is red."]]
    pieces += [lookback.TEMPLATE.ask, " who?", lookback.TEMPLATE.end]
    prompt = [*proxy.tokenizer.prefix_ids, *(i for p in proxy.tokenizer.encode(pieces) for i in p)]
    ids = proxy.tokenizer.encode([" " + made.text])[0]
    with torch.no_grad():
        out = model(torch.tensor([prompt + ids]), output_attentions=True)
    n, weights = len(prompt), torch.stack(out.attentions)[:, 0].double().numpy()  # (L, H, T, T)
    rows = weights[:, :, n:, :]
    back = rows[..., :n].mean(-1)
    new = np.stack([rows[:, :, t, n : n + t + 1].mean(-1) for t in range(len(ids))], axis=-1)
    assert made.ratios == pytest.approx((back / (back + new)).mean(-1).ravel().tolist(), abs=1e-4)
    log_p = torch.log_softmax(out.logits[0, n - 1 : -1].double(), -1)
    expected = log_p[torch.arange(len(ids)), torch.tensor(ids)].mean()
    assert made.probability == pytest.approx(float(expected), abs=1e-4)


def test_the_command_needs_drafts_of_both_kinds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    import tiny_models

    folder = tiny_models.save_model("llama", tmp_path / "tiny")
    monkeypatch.setenv("RAGCOMPRESS_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out.json"
    command = ["lookback", str(SAMPLE), "--scorer", "lead", "--ratio", "0.6", "--limit", "2"]
    command += ["--proxy", str(folder), "--json", str(out)]
    assert cli.main(command) == 1
    assert "0 right and 2 wrong drafts" in capsys.readouterr().err
