"use strict";
// Looks up what the library kept at each budget; chooses nothing itself.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const number = (n) => n.toLocaleString("en");
  const percent = (part, whole) => Math.round(whole ? (100 * part) / whole : 100) + " %";
  const make = (tag, content, attributes = {}) => {
    const element = document.createElement(tag);
    element.append(...[content].flat());
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const [LIMIT, TOKENS, STATES, PIECES, RECALL] = [0, 1, 2, 3, 4];
  const SVG = "http://www.w3.org/2000/svg";
  const GOALS = [0.5, 0.8, 0.9, 0.95, 0.99];
  const ORDERS = {
    source: "In the order of the documents", "best-first": "Best first", "best-last": "Best last", edges: "The best at both ends",
    "attention-sort": "By document, the one most looked at last",
  };

  const members = [];
  data.sentences.forEach((s, i) => (members[s.d] ??= []).push(i));

  const views = data.views.map((view, v) => {
    const ranked = view.scores.map((_, i) => i).sort((a, b) => view.scores[b] - view.scores[a] || a - b);
    const rank = [];
    ranked.forEach((i, r) => (rank[i] = r + 1));
    const total = view.scores.reduce((a, b) => a + b, 0);
    const entry = [], last = [], share = [];
    view.stops.forEach((stop, n) => {
      let sum = 0;
      for (let i = 0; i < rank.length; i++) {
        if (stop[STATES][i] !== "k") continue;
        entry[i] ??= stop[LIMIT];
        last[i] = stop[LIMIT];
        sum += view.scores[i];
      }
      share[n] = stop[RECALL] ?? (total ? sum / total : 1);
    });
    const spans = [], rows = rank.map(() => []);
    for (const element of all(`#documents [data-view="${v}"] [data-s]`)) {
      const i = +element.dataset.s;
      rows[i].push(element);
      if (element.matches(".s")) spans[i] = element;
    }
    for (const element of all(`.ladder[data-view="${v}"] [data-s]`)) rows[+element.dataset.s].push(element);
    return {
      ...view, v, rank, ranked, entry, last, share, spans, rows, total, now: view.run,
      article: $(`#reader [data-view="${v}"]`), head: $(`.head[data-view="${v}"]`),
      counts: new Map(all(`#documents [data-view="${v}"] [data-document]`).map((e) => [+e.dataset.document, e])),
    };
  });
  const kept = (view, i, record = view.now) => record[STATES][i] === "k";
  // The recall that a calibration bounds, else what the probabilities expect.
  const held = (view, record) => {
    if (record[RECALL] != null) return record[RECALL];
    let sum = 0;
    view.scores.forEach((p, i) => { if (kept(view, i, record)) sum += p; });
    return view.total ? sum / view.total : 1;
  };

  // The last record whose budget is not above the one asked for.
  const at = (stops, limit) => {
    let low = 0, high = stops.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (stops[middle][LIMIT] <= limit) low = middle; else high = middle - 1;
    }
    return low;
  };
  const lastLimit = (limit) => {
    let low = 0, high = data.limits.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (data.limits[middle] <= limit) low = middle; else high = middle - 1;
    }
    return low;
  };

  // What the reader gets: the library's own separators and the sentences, in the library's order.
  const text = (view) => {
    let made = "";
    const pieces = view.now[PIECES];
    for (let n = 0; n < pieces.length; n += 2) made += view.between[pieces[n]] + data.sentences[pieces[n + 1]].t;
    return made;
  };

  const showReader = (view) => {
    const pieces = view.now[PIECES], order = [];
    // A block for each stretch up to a line end: what is out of sight is not laid out.
    const blocks = [make("div", [])];
    const between = (words) => { if (words) blocks.at(-1).append(make("span", words, { class: "between" })); };
    for (let n = 0; n < pieces.length; n += 2) {
      const i = pieces[n + 1], s = data.sentences[i], before = view.between[pieces[n]];
      const end = n ? (/^[^\n]*\n+/.exec(before)?.[0].length ?? 0) : 0;
      order.push(i);
      between(before.slice(0, end));
      if (end) blocks.push(make("div", []));
      between(before.slice(end));
      const kind = document.getElementById(`s${view.v}-${i}`)?.dataset.kind ?? "prose";
      blocks.at(-1).append(make("a", s.t, {
        class: `piece l${view.levels[i]}`, id: `p${view.v}-${i}`, href: `#s${view.v}-${i}`, "data-s": i, "data-n": s.d + 1, "data-kind": kind,
      }));
    }
    $(".context", view.article).replaceChildren(...blocks);
    showPlaces(view, order);
  };

  const showPlaces = (view, order) => {
    const best = [...order].sort((a, b) => view.rank[a] - view.rank[b]);
    const tops = new Map(best.map((i, n) => [i, n]));
    const bars = order.map((i) => {
      const top = tops.get(i);
      const bar = make("i", top < 3 ? make("b", String(top + 1)) : "", { "data-s": i });
      bar.classList.toggle("top", top < 3);
      bar.style.flexGrow = Math.max(1, data.sentences[i].t.length);
      bar.style.height = 65 - (49 * top) / best.length + "%";
      return bar;
    });
    $(".places", view.article).replaceChildren(...bars);
    $(".places", view.article).classList.toggle("many", bars.length > 60);
    const where = best.slice(0, 3).map((i) => order.indexOf(i) + 1);
    $(".best", view.article).textContent = where.length
      ? `${ORDERS[view.order] ?? view.order}. ${where.length > 1 ? "The best stand" : "The best stands"} at ${where.join(", ")} of ${order.length}.`
      : "";
  };

  const showFigures = (view) => {
    const [, tokens, states] = view.now;
    const n = states.split("k").length - 1;
    const documents = members.map((own) => own?.filter((i) => states[i] === "k").length ?? 0);
    const tiles = {
      tokens: [number(tokens)], saved: [percent(data.before - tokens, data.before), number(data.before - tokens) + " tokens"],
      sentences: [number(n)], documents: [number(documents.filter(Boolean).length)],
      evidence: [view.calibrated ? percent(held(view, view.now), 1) : ""],
    };
    for (const [key, [value, more]] of Object.entries(tiles)) {
      const tile = $(`[data-tile="${key}"]`, view.head);
      if (!tile) continue;
      tile.textContent = value;
      if (more) $(`[data-more="${key}"]`, view.head).textContent = more;
    }
    for (const [d, element] of view.counts) {
      const words = `${documents[d]} of ${members[d].length} kept`;
      if (element.textContent !== words) element.textContent = words;
    }
  };

  const show = (view, record, first) => {
    const before = view.now;
    view.now = record;
    for (let i = 0; i < view.rank.length; i++) {
      if (!first && before[STATES][i] === record[STATES][i]) continue;
      const is = kept(view, i);
      for (const element of view.rows[i]) element.classList.toggle("kept", is);
      view.spans[i].setAttribute("aria-selected", is);
    }
    if (first || before !== record) { showReader(view); showFigures(view); }
  };

  const compare = () => {
    if (views.length < 2) return;
    const counts = [0, 0, 0];
    data.sentences.forEach((_, i) => {
      const [a, b] = views.map((view) => kept(view, i));
      if (a && b) counts[0]++; else if (a) counts[1]++; else if (b) counts[2]++;
      for (const view of views) view.spans[i].classList.toggle("differs", a !== b);
    });
    $("#agreement").textContent = `Kept by both: ${counts[0]}. Only by ${views[0].scorer}: ${counts[1]}. ` +
      `Only by ${views[1].scorer}: ${counts[2]}. Where they differ, the sentence has a dotted line.`;
  };

  // What more would cost: a larger share of the evidence, and the best sentence that was left out.
  const showNext = (limit) => {
    const lines = [];
    for (const view of views) {
      const i = view.ranked.find((i) => !kept(view, i) && view.last[i] > limit);
      if (i === undefined) continue;
      const more = (stop) => `${number(stop[LIMIT] - limit)} more tokens`;
      const line = make("span", views.length > 1 ? `${view.scorer}: ` : "");
      const now = held(view, view.now);
      const goal = GOALS.find((goal) => goal > now);
      const n = view.share.findIndex((share, n) => share >= goal && view.stops[n][LIMIT] > limit);
      if (view.calibrated && goal && n >= 0) line.append(`${percent(goal, 1)} of the evidence would take ${more(view.stops[n])}. `);
      line.append(`The best that was dropped, rank ${number(view.rank[i])}, would take `,
        more(view.stops.find((stop) => stop[LIMIT] > limit && stop[STATES][i] === "k")), ": ",
        make("a", "\u201c" + data.sentences[i].t.replace(/\s+/g, " ").slice(0, 160) + "\u201d", { href: `#s${view.v}-${i}`, "data-s": i }));
      lines.push(line);
    }
    const whole = views.every((view) => !/[^k]/.test(view.now[STATES]));
    $("#next").replaceChildren(...(lines.length ? lines : [whole ? "Everything is kept." : "No larger budget brings in more."]));
  };

  let said = 0;
  const say = (words) => {
    clearTimeout(said);
    said = setTimeout(() => ($("#said").textContent = words), 400);
  };

  const slider = $("#slider"), typed = $("#limit");
  const position = (limit, first = false, run = false) => {
    const n = lastLimit(limit), budget = data.limits[n];
    slider.value = n;
    typed.value = budget;
    for (const view of views) show(view, run ? view.run : view.stops[at(view.stops, budget)], first);
    compare();
    showNext(budget);
    const share = percent(budget, data.before);
    $("#share").textContent = share;
    slider.setAttribute("aria-valuetext", `${number(budget)} tokens, ${share}`);
    const x = (1000 * n) / Math.max(1, data.limits.length - 1);
    for (const [name, value] of [["x1", x], ["x2", x]]) $("#curve .now")?.setAttribute(name, value);
    if (!first) say(views.map((view) => `${view.scorer}: ${view.now[STATES].split("k").length - 1} sentences kept, ${number(view.now[TOKENS])} tokens`).join("; "));
  };

  // Expected evidence against the budget.
  const drawCurve = () => {
    const shapes = [];
    const line = (name, attributes) => {
      const shape = document.createElementNS(SVG, name);
      for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
      shapes.push(shape);
    };
    for (const view of views.filter((view) => view.calibrated)) {
      const points = data.limits.map((limit, n) =>
        `${((1000 * n) / Math.max(1, data.limits.length - 1)).toFixed(1)},${(100 - 100 * view.share[at(view.stops, limit)]).toFixed(1)}`);
      line("polygon", { class: `area view${view.v}`, points: `0,100 ${points.join(" ")} 1000,100` });
      line("polyline", { class: `edge view${view.v}`, points: points.join(" ") });
    }
    $("#axis").textContent = shapes.length ? "evidence expected to be kept" : "";
    if (shapes.length) line("line", { class: "now", y1: 0, y2: 100, x1: 0, x2: 0 });
    $("#curve").replaceChildren(...shapes);
    if (!shapes.length) $("#curve").remove();
  };

  // Details of the sentence under the pointer or the focus.
  const tip = $("#tip");
  let marked = [];
  const hide = () => {
    tip.hidden = true;
    for (const element of marked) element.classList.remove("here");
    marked = [];
  };
  const score = (view, i) => (view.calibrated ? view.scores[i].toFixed(3) : view.scores[i].toPrecision(4));
  const describe = (element) => {
    hide();
    const i = +element.dataset.s;
    const lines = views.flatMap((view) => {
      const starts = view.entry[i] === undefined ? "" : ` First kept at ${number(view.entry[i])} tokens.`;
      return [
        make("p", [views.length > 1 ? view.scorer + ": " : "", "score ", make("b", score(view, i)), ", rank ", make("b", number(view.rank[i])), ` of ${number(view.rank.length)}`]),
        make("p", data.states[view.now[STATES][i]] + (kept(view, i) ? "" : starts)),
      ];
    });
    tip.replaceChildren(...lines, make("p", data.sentences[i].at, { class: "at" }));
    tip.hidden = false;
    for (const view of views) marked.push(...view.rows[i], ...all(`[data-s="${i}"]`, view.article));
    for (const other of marked) other.classList.add("here");
    const box = element.getClientRects()[0] ?? element.getBoundingClientRect();
    const { offsetWidth: w, offsetHeight: h } = tip;
    tip.style.left = Math.max(8, Math.min(box.left, innerWidth - w - 8)) + "px";
    tip.style.top = (box.top - h - 10 >= 8 ? box.top - h - 10 : Math.min(box.bottom + 10, innerHeight - h - 8)) + "px";
  };

  const reach = (element) => {
    const text = element.closest(".text");
    if (text) for (const other of all('[tabindex="0"]', text)) other.tabIndex = -1;
    if (element.matches(".s")) element.tabIndex = 0;
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "center" });
  };
  const other = (element) => {
    const view = views[+(element.closest("[data-view]")?.dataset.view ?? /^#?[sp](\d)/.exec(element.getAttribute("href"))?.[1] ?? 0)];
    const i = +element.dataset.s;
    return element.matches(".s") ? document.getElementById(`p${view.v}-${i}`) : view.spans[i];
  };

  // Scrolling moves sentences under a pointer that rests: that is no pointing.
  let rests = "";
  const where = (event) => `${Math.trunc(event.screenX)},${Math.trunc(event.screenY)}`;
  document.addEventListener("pointerover", (event) => {
    if (where(event) === rests) return;
    const element = event.target.closest("[data-s]");
    if (element) describe(element); else if (!tip.contains(event.target)) hide();
  });
  document.addEventListener("focusin", (event) => {
    const element = event.target.closest("[data-s]");
    if (element && event.target.matches(":focus-visible")) describe(element); else hide();
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-s]");
    const target = element && other(element);
    if (!target) return;
    event.preventDefault();
    rests = where(event);
    reach(target);
    describe(target);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return hide();
    const element = event.target.closest?.(".s");
    if (!element || event.ctrlKey || event.altKey || event.metaKey) return;
    const view = views[+element.closest("[data-view]").dataset.view], i = +element.dataset.s;
    const own = members[data.sentences[i].d];
    const to = {
      ArrowRight: i + 1, ArrowDown: i + 1, ArrowLeft: i - 1, ArrowUp: i - 1, Home: own[0], End: own[own.length - 1],
    }[event.key];
    if (to !== undefined && view.spans[to]) { event.preventDefault(); reach(view.spans[to]); }
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      const target = other(element);
      if (target) reach(target);
    }
  });

  for (const text of all(".text")) ($(".s.kept", text) ?? $(".s", text)).tabIndex = 0;
  for (const element of all(".s")) element.setAttribute("aria-describedby", "tip");
  for (const view of views) {
    const copy = $(".copy", view.article);
    if (!navigator.clipboard) continue;
    copy.hidden = false;
    copy.addEventListener("click", () => navigator.clipboard.writeText(text(view)).then(() => say("Copied."), () => say("The browser does not allow copying.")));
  }
  if (data.limits.length) {
    slider.min = 0;
    slider.max = data.limits.length - 1;
    typed.min = data.limits[0];
    typed.max = data.before;
    drawCurve();
    slider.addEventListener("input", () => position(data.limits[+slider.value]));
    typed.addEventListener("change", () => position(+typed.value || data.limits[0]));
    const reset = () => position(views[0].start, false, true);
    $("#reset").addEventListener("click", reset);
    $("#control").hidden = false;
    position(views[0].start, true, true);
  } else {
    for (const view of views) show(view, view.run, true);
    compare();
  }
  // For tests and for the curious.
  globalThis.ragcompress = { data, views, text, position };
})();
