// ---- the matrices: conditions × states

function matrix(columns, cell, conditions) {
  return make("table", { class: `matrix ${conditions.length > FEW ? "dense" : ""}` },
    make("thead", {}, make("tr", {}, make("th", { class: "first" }, "condition"), make("th", {}, "n"),
      columns.map((c) => make("th", {}, make("span", { class: "key" }, c.state ? square(c.state) : null, c.name))))),
    make("tbody", {}, conditions.map((c) => make("tr", { "data-condition": c.id },
      make("th", { class: "first", scope: "row" }, make("button", { class: "pick", title: c.name, onclick: () => go({ condition: c.id }) }, c.label),
        c.demo ? make("span", { class: "badge" }, "demo") : null),
      make("td", {}, String(c.runs)), columns.map((column) => cell(c, column))))));
}

function shade(share, state) {
  return { background: share ? `color-mix(in srgb, ${colour(state)} ${Math.round(12 + 55 * share)}%, transparent)` : "none" };
}

const range = (s) => `[${Math.round(100 * s.low)}–${percent(s.high)}]`;

function reachCell(c, { state }) {
  const { reached, onset } = c.states[state];
  const at = !reached.count ? null : !onset ? "@?" : onset.median === null ? "@<half" : `@${onset.median} [${onset.low ?? "–"}, ${onset.high ?? "–"}]`;
  return make("td", { style: shade(reached.share, state), class: reached.count ? "" : "nil", title: `${c.label}: ${short[state]} in ${reached.count} of ${reached.of}, ${range(reached)}` },
    `${reached.count}/${reached.of} `, make("small", {}, range(reached)), at ? make("div", { class: "from" }, at) : null);
}

function endCell(c, { kind, state, key }) {
  const share = c.ending[kind][key];
  return make("td", { style: shade(share.share, state || "none"), class: share.count ? "" : "nil", title: `${c.label}: ${share.count} of ${share.of}, ${range(share)}` },
    `${share.count}/${share.of} `, make("small", {}, range(share)));
}

function matrices(conditions) {
  const seen = states.filter((s) => data.conditions.some((c) => c.states[s].reached.count));
  put($("matrix"), matrix(seen.map((state) => ({ state, name: named(state) })), reachCell, conditions));
  const ends = [["theme", data.themes], ["form", data.forms]].flatMap(([kind, names]) => [...names, "none"]
    .filter((key) => data.conditions.some((c) => c.ending[kind][key].count))
    .map((key) => ({ kind, key, state: key === "none" ? null : key, name: key === "none" ? `no ${kind}` : named(key) })));
  put($("ending"), matrix(ends, endCell, conditions));
}

// ---- plots

function plot(series, xlabel, ymax, ylabel) {
  const xmax = Math.max(1, ...series.flatMap((s) => s.points.map((p) => p[0])));
  const x = (v) => 40 + (320 * v) / xmax, y = (v) => 150 - (140 * v) / ymax;
  const picture = draw("svg", { viewBox: "0 0 370 182", role: "img", "aria-label": `${ylabel} by ${xlabel}` });
  for (const part of [0, 0.5, 1]) {
    const v = part * ymax;
    picture.append(draw("line", { class: "axis", x1: 40, x2: 360, y1: y(v), y2: y(v) }),
      draw("text", { x: 36, y: y(v) + 4, "text-anchor": "end" }, ymax === 1 ? percent(v) : Math.round(v)),
      draw("text", { x: x(part * xmax), y: 164, "text-anchor": "middle" }, Math.round(part * xmax)));
  }
  picture.append(draw("text", { x: 200, y: 178, "text-anchor": "middle" }, xlabel));
  for (const s of series) {
    const path = (list) => list.map((p, k) => `${k ? "L" : "M"}${x(p[0])} ${y(Math.min(p[1], ymax))}`).join("");
    if (s.band.length) picture.append(draw("path", { d: path(s.band) + "Z", style: { fill: s.colour, opacity: series.length > 4 ? 0.06 : 0.15 } }));
    picture.append(draw("path", { d: path(s.points), fill: "none", "stroke-width": 2, "stroke-dasharray": s.dash, style: { stroke: s.colour } }));
  }
  return picture;
}

const line = (c, k) => ({ name: c.label, colour: `var(--c${k % FEW})`, dash: DASHES[k % FEW] });
const legend = (series) => make("div", { class: "legend" }, series.map((s) => make("div", { class: "key" },
  draw("svg", { viewBox: "0 0 30 8", style: { width: "30px", flex: "none" } },
    draw("path", { d: "M0 4H30", "stroke-width": 2.5, "stroke-dasharray": s.dash, style: { stroke: s.colour } })),
  make("span", { style: { "white-space": "normal", "overflow-wrap": "anywhere" } }, s.name))));

function steps(times, values, end, from) {
  const points = [[0, from]];
  let last = from;
  times.forEach((t, k) => { points.push([t, last], [t, values[k]]); last = values[k]; });
  return [...points, [end, last]];
}

function onsets(conditions, state) {
  return conditions.map((c, k) => {
    const o = c.states[state].onset, end = c.longest - 1, gone = (list) => list.map((v) => 1 - v);
    if (!o) return { ...line(c, k), points: [[0, 0], [end, 0]], band: [] };
    const band = [...steps(o.times, gone(o.without_low), end, 0), ...steps(o.times, gone(o.without_high), end, 0).reverse()];
    return { ...line(c, k), points: steps(o.times, gone(o.without), end, 0), band };
  });
}

function lengths(conditions) {
  return conditions.map((c, k) => {
    const rows = c.lengths, mid = (r) => (r.from_turn + r.to_turn) / 2, sure = rows.filter((r) => r.low !== null);
    return { ...line(c, k), points: rows.map((r) => [mid(r), r.median]),
      band: [...sure.map((r) => [mid(r), r.high]), ...sure.map((r) => [mid(r), r.low]).reverse()] };
  });
}

function plots(chosen) {
  const drawn = chosen.slice(0, FEW), few = chosen.length > FEW ? ` · the first ${FEW} of ${chosen.length} conditions; choose one above to see it` : "";
  const long = lengths(drawn), top = Math.max(10, ...long.flatMap((s) => [...s.points, ...s.band].map((p) => p[1])));
  const key = make("div", { class: "panel" }, make("h3", {}, `key to the lines${few}`), legend(long));
  const seen = states.filter((s) => drawn.some((c) => c.states[s].reached.count));
  put($("onsets"), ...(data.missing ? [make("p", {}, data.missing)] : [...seen.map((state) => make("div", { class: "panel" },
    make("h3", { class: "key" }, square(state), `reached ${short[state]} by message`),
    plot(onsets(drawn, state), "message", 1, "runs that have reached it"))), key]));
  put($("lengths"), make("div", { class: "panel" }, plot(long, "turn", top, "characters")), key.cloneNode(true));
}

// ---- runs

const LANE = 6; // pixels from one form's strip to that below

function lanesOf(forms) { // forms that hold at once lie one below the other, and hide none
  return forms.reduce((lanes, [, a, b], k) => {
    const taken = lanes.filter((_, j) => forms[j][1] <= b && forms[j][2] >= a);
    return [...lanes, [0, 1, 2, 3].find((lane) => !taken.includes(lane)) ?? 0];
  }, []);
}

function timeline(run, longest) {
  const at = (m) => `${(100 * m) / longest}%`;
  const forms = run.spans.filter(([s]) => isForm(s)), lanes = lanesOf(forms), below = (lane) => `${LANE * lane}px`;
  return make("div", { class: "time", style: { "margin-bottom": below(Math.max(0, ...lanes)) } }, make("div", { class: "bar", style: { width: at(run.messages) } }),
    run.themes.map(([s, a, b]) => make("div", { class: "seg", title: `${short[s]} ${a}–${b}`,
      style: { left: at(a), width: at(b - a + 1), background: colour(s), color: inkOn(s) } }, short[s])),
    forms.map(([s, a, b], k) => make("div", { class: "strip", title: `${named(s)} ${a}–${b}`,
      style: { left: at(a), width: at(b - a + 1), background: colour(s), "margin-top": below(lanes[k]) } })),
    marksOf(run).map(([m, sign, title, kind, shift]) => make("span", { class: `mark ${kind}`, title, style: { left: at(m + 0.5), "margin-left": shift } }, sign)));
}

function fileName(path) {  // cut in the middle: a sweep's names differ at their ends
  const name = path.split(/[\\/]/).pop().replace(/\.jsonl$/, "");
  return name.length > 30 ? `${name.slice(0, 14)}…${name.slice(-15)}` : name;
}

function endsIn(run) {
  return make("span", { class: "ends" }, run.ends.length ? run.ends.map((s) => make("span", { class: "key" }, square(s), short[s])) : make("span", { class: "key" }, "no state"));
}

function row(run, condition) {
  return make("button", { class: "run", "data-run": run.id, onclick: () => go({ run: run.id, message: null, beside: null, find: null }) },
    make("span", { class: "file", title: run.path }, make("bdi", {}, fileName(run.path))), timeline(run, condition.longest), endsIn(run));
}

// A part that is drawn when it is opened.
function folded(name, open, draw) {
  const box = make("details", open ? { open: "" } : {}, name);
  const drawn = () => { if (!box.dataset.drawn) { box.dataset.drawn = "1"; box.append(...draw()); } };
  if (open) drawn(); else box.addEventListener("toggle", drawn);
  return box;
}

function list(chosen) {
  const open = runsShown().length <= 300;
  put($("list"), ...chosen.map((c) => {
    const name = make("summary", {}, c.name, " ", make("small", {}, `n = ${c.runs}`));
    return folded(name, open, () => data.runs.filter((r) => r.condition === c.id).map((r) => row(r, c)));
  }));
}

// ---- figures, and the stimulus

function told(c) {
  return make("div", { class: "scroll" }, make("table", { class: "told" }, make("caption", {}, `what the models were told, and with what: ${many(c.runs, "run")}, ${c.cost}`),
    make("tbody", {}, c.stimulus.map(([name, values]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", { dir: "auto" },
      values.map(([value, n]) => make("div", { class: "value" }, values.length > 1 ? make("small", {}, `${n} of ${many(c.runs, "run")}: `) : null, value))))))));
}

function figuresOf(chosen) {
  put($("tables"), ...chosen.map((c) => folded(make("summary", {}, `${c.name} · n = ${c.runs}`), chosen.length === 1, () => [told(c), ...c.tables.map(table)])));
}

addEventListener("beforeprint", () => document.querySelectorAll("#tables details, #list details").forEach((box) => {
  if (!box.open) { box.dataset.shut = "1"; box.open = true; }
  box.dispatchEvent(new Event("toggle"));
}));
addEventListener("afterprint", () => document.querySelectorAll("details[data-shut]").forEach((box) => { box.open = false; delete box.dataset.shut; }));

function overview() {
  const chosen = shown();
  matrices(chosen);
  list(chosen);
  plots(chosen);
  figuresOf(chosen);
}
