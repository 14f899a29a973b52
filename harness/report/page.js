"use strict";
// All words on this page go in as text nodes: nothing that a model said is ever parsed as markup.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const data = read("report"), short = data.short, states = Object.keys(short);
const $ = (id) => document.getElementById(id);
const colour = (state) => `var(--${state || "none"})`;
const percent = (x) => `${Math.round(100 * x)}%`;
const DASHES = ["", "7 3", "2 2", "9 3 2 3", "12 4", "4 2", "1 3", "6 2 1 2"];
const LINES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8F6BD6", "#808080"];

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "style") Object.entries(value).forEach(([k, v]) => node.style.setProperty(k, v));
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}
const make = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

// ---- the overview

function shown() {
  const chosen = $("condition").value;
  return data.conditions.map((c, id) => ({ ...c, id })).filter((c) => chosen === "" || String(c.id) === chosen);
}

function bars(condition, kind) {
  const value = (state) => (kind === "terminal" ? condition.terminal[state] : condition.states[state].reached);
  const rows = [...states, "none"].filter((s) => (kind === "terminal" || s !== "none") && value(s).count);
  const x = (share) => 70 + 190 * share, height = 18 * rows.length + 18;
  const picture = draw("svg", { viewBox: `0 0 330 ${height}`, role: "img", "aria-label": `${kind} states` });
  for (const share of [0, 0.5, 1]) {
    picture.append(draw("line", { class: "axis", x1: x(share), x2: x(share), y1: 0, y2: height - 16 }),
      draw("text", { x: x(share), y: height - 3, "text-anchor": "middle" }, percent(share)));
  }
  rows.forEach((state, k) => {
    const v = value(state), y = 18 * k;
    picture.append(
      draw("text", { x: 64, y: y + 12, "text-anchor": "end", class: "name" }, short[state] || "none"),
      draw("rect", { x: x(0), y: y + 3, width: 190 * v.share, height: 11, style: { fill: colour(state) } }),
      draw("path", { class: "whisker", d: `M${x(v.low)} ${y + 5}v7M${x(v.low)} ${y + 8.5}H${x(v.high)}M${x(v.high)} ${y + 5}v7` }),
      draw("text", { x: 268, y: y + 12 }, `${v.count}/${v.of}`));
  });
  return picture;
}

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

const line = (c, k) => ({ name: c.name, colour: LINES[k % 8], dash: DASHES[k % 8] });
const legend = (series) => make("div", {}, series.map((s) => make("div", { class: "key" },
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

function table(one) {
  const [title, columns, rows] = one;
  return make("div", { class: "scroll" }, make("table", {}, make("caption", {}, title),
    make("thead", {}, make("tr", {}, columns.map((c) => make("th", {}, c)))),
    make("tbody", {}, rows.map((row) => make("tr", {}, row.map((cell) => make("td", { dir: "auto" }, cell)))))));
}

function overview() {
  const chosen = shown(), drawn = chosen.slice(0, 8), few = chosen.length > 8 ? ` · first 8 of ${chosen.length}` : "";
  const panel = (c, kind) => make("div", { class: "panel" }, make("h3", {}, c.name), make("small", {}, `n = ${c.runs}`), bars(c, kind));
  $("terminal").replaceChildren(...chosen.map((c) => panel(c, "terminal")));
  $("reached").replaceChildren(...chosen.map((c) => panel(c, "reached")));
  const seen = states.filter((s) => drawn.some((c) => c.states[s].reached.count));
  $("onsets").replaceChildren(...(data.missing ? [make("p", {}, data.missing)] : seen.map((state) => make("div", { class: "panel" },
    make("h3", { class: "key" }, make("i", { style: { background: colour(state) } }), `reached ${short[state]} by message`),
    plot(onsets(drawn, state), "message", 1, "runs that have reached it")))));
  const long = lengths(drawn), top = Math.max(10, ...long.flatMap((s) => [...s.points, ...s.band].map((p) => p[1])));
  $("lengths").replaceChildren(make("div", { class: "panel" }, plot(long, "turn", top, "characters")),
    make("div", { class: "panel" }, make("h3", {}, `key to the lines${few}`), legend(long)));
  $("tables").replaceChildren(...chosen.map((c) => make("details", chosen.length === 1 ? { open: "" } : {},
    make("summary", {}, `${c.name} · n = ${c.runs}`), c.tables.map(table))));
  $("list").replaceChildren(...chosen.flatMap((c) => [
    make("h3", {}, c.name, " ", make("small", {}, `n = ${c.runs}`)), ...data.runs.filter((r) => r.condition === c.id).map((r) => row(r, c))]));
}

// ---- runs

function timeline(run, longest) {
  const at = (m) => `${(100 * m) / longest}%`;
  return make("div", { class: "time" }, make("div", { class: "bar", style: { width: at(run.messages) } }),
    run.stretches.flatMap((t) => [...(t.theme ? [["", t.theme, t.start, t.end]] : []), ...t.forms.map((f) => [t.theme ? "form" : "", ...f])]).map(([kind, s, a, b]) =>
      make("div", { class: `seg ${kind}`, title: `${short[s]} ${a}–${b}`,
        style: { left: at(a), width: at(b - a + 1), background: colour(s), color: s === "identity_standoff" ? "#fff" : "#000" } }, kind ? "" : short[s])),
    run.interjections.map((i) => make("span", { class: "mark", title: `interjection (${i.source}) at ${i.message}`, style: { left: at(i.message + 0.5) } }, i.source === "script" ? "▽" : "▼")),
    run.attempts.map((a) => make("span", { class: "mark tool", title: `${a.tool} at ${a.message}`, style: { left: at(a.message + 0.5) } }, "✖")));
}

function fileName(path) {  // cut in the middle: a sweep's names differ at their ends
  const name = path.split(/[\\/]/).pop().replace(/\.jsonl$/, "");
  return name.length > 30 ? `${name.slice(0, 14)}…${name.slice(-15)}` : name;
}

function row(run, condition) {
  return make("button", { class: "run", "data-run": run.id, onclick: () => { location.hash = `run-${run.id}`; } },
    make("span", { class: "file", title: run.path }, make("bdi", {}, fileName(run.path))), timeline(run, condition.longest),
    make("span", { class: "ends key" }, make("i", { style: { background: colour(run.terminal[0]) } }), run.terminal.map((s) => short[s]).join(", ") || "none"));
}

function jump(label, state, message) {
  return make("button", { class: "jump", "data-message": message, style: state ? { "border-left-color": colour(state) } : {}, onclick: () => go(message) }, label);
}

function go(message) {
  document.querySelectorAll(".message.here").forEach((m) => m.classList.remove("here"));
  const found = $(`m${message}`);
  found.classList.add("here");
  found.scrollIntoView({ block: "center" });
}

function lanes(run) {
  const at = (m) => `${(100 * m) / run.messages}%`;
  const lane = (name, kids, kind) => make("div", { class: "lane" }, make("span", {}, name), make("div", { class: `track ${kind || ""}` }, kids));
  const marks = [...run.interjections.map((i) => [i.message, i.source === "script" ? "▽" : "▼", `interjection (${i.source})`, ""]),
    ...run.attempts.map((a) => [a.message, "✖", a.tool, "var(--alarm)"])].filter((m) => m[0] < run.messages);
  return make("div", {}, marks.length ? lane("", marks.map(([m, sign, title, ink]) => make("button", { title: `${title} at ${m}`, onclick: () => go(m), style: { left: at(m + 0.5), color: ink } }, sign)), "marks") : null,
    states.filter((s) => run.spans.some((span) => span[0] === s)).map((s) => lane(short[s], run.spans.filter((span) => span[0] === s).map(([, a, b]) =>
      make("button", { class: "span", title: `${short[s]} ${a}–${b}`, "aria-label": `${short[s]} ${a} to ${b}`, onclick: () => go(a), style: { left: at(a), width: at(b - a + 1), background: colour(s) } })))),
    lane("", [make("small", {}, `message 0 – ${run.messages - 1}`)], "marks"));
}

function recurrence(alike) {
  const size = alike.rows.length, canvas = make("canvas", { width: size, height: size, title: "message i against message j" });
  const paint = (printing) => {
    const pen = canvas.getContext("2d"), image = pen.createImageData(size, size), dark = !printing && matchMedia("(prefers-color-scheme: dark)").matches;
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) {
      const like = i === j ? 15 : parseInt(alike.rows[Math.max(i, j)][Math.min(i, j)], 16), ink = dark ? 22 + 15.4 * like : 255 - 16.2 * like;
      image.data.set([ink, ink, ink + (dark ? 4 : 0), 255], 4 * ((size - 1 - i) * size + j)); // message 0 is at the bottom left
    }
    pen.putImageData(image, 0, 0);
  };
  paint();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint());
  addEventListener("beforeprint", () => paint(true)); // paper is white
  addEventListener("afterprint", () => paint());
  canvas.addEventListener("click", (event) => go(alike.step * Math.min(size - 1, Math.floor((size * event.offsetX) / canvas.clientWidth))));
  return canvas;
}

function highlighted(text, marks) {
  const cuts = new Set([0, text.length]), found = [];
  for (const [state, words] of marks) {
    const start = words ? text.indexOf(words) : -1;
    if (start < 0) continue;
    found.push([state, start, start + words.length]);
    cuts.add(start).add(start + words.length);
  }
  const edges = [...cuts].sort((a, b) => a - b);
  return edges.slice(1).map((end, k) => {
    const part = text.slice(edges[k], end), on = found.filter((f) => f[1] <= edges[k] && f[2] >= end).map((f) => f[0]);
    return on.length ? make("mark", { title: `evidence of ${on.map((s) => short[s]).join(", ")}`, style: { "--own": colour(on[0]) } }, part) : part;
  });
}

function message(m, index, run, marks, present) {
  const mine = marks.filter((k) => k[0] === index).map((k) => [k[1], k[2]]), holds = (s) => run.spans.some((p) => p[0] === s && p[1] <= index && index <= p[2]);
  const whole = mine.filter(([, words]) => !words || !m.text.includes(words)).map(([s]) => short[s]);
  const note = m.source === "model" ? "" : m.source === "script" ? " · scripted interjection" : m.source === "live" ? " · typed by a person" : " · interjection";
  return make("article", { class: `message ${m.seat} ${m.source === "model" ? "" : "interjected"}`, id: `m${index}` },
    make("div", { class: "gutter" }, present.map((s) => make("i", { title: holds(s) ? short[s] : "", style: holds(s) ? { background: colour(s) } : {} }))),
    make("div", { class: "said" }, make("div", { class: "who" }, `Model ${m.seat} · turn ${m.turn} · message ${index}${note}`,
      run.spans.filter((p) => p[1] === index).map((p) => make("small", {}, ` · ${short[p[0]]} begins`))),
      m.thinking ? make("details", { class: "thinking" }, make("summary", {}, "thinking"), make("div", { class: "words", dir: "auto" }, m.thinking)) : null,
      make("div", { class: "words", dir: "auto" }, m.text.trim() ? highlighted(m.text, mine) : make("em", { class: "soft" }, "⟨silence⟩")),
      whole.length ? make("small", {}, `evidence of ${whole.join(", ")}: the message as a whole`) : null,
      m.attempts.map((a) => make("div", { class: "attempt" }, `✖ ${a.tool} → ${a.outcome}${a.during === "aborted" ? " (in a message that was aborted)" : ""}: ${a.reason || "(no reason)"}`))));
}

function open(id) {
  const run = data.runs[id], more = read(`run-${id}`), condition = data.conditions[run.condition], present = states.filter((s) => run.spans.some((p) => p[0] === s));
  const after = (i) => !i.state ? "" : `: ${short[i.state]} ` + (!i.judged ? "(too near the end to tell)" : i.ended_after === null ? "held to the end" : `ended ${i.ended_after} messages after`) + (i.returned_after ? `, came back after ${i.returned_after}` : "");
  $("run").replaceChildren(
    make("p", {}, make("button", { class: "back", onclick: () => { location.hash = ""; } }, "← all runs")),
    make("h2", {}, run.path, " ", condition.demo ? make("span", { class: "badge" }, "scripted demo, no language model") : null),
    make("p", { class: "soft" }, `${condition.name} · ${run.messages} messages · ends in ${run.terminal.map((s) => short[s]).join(", ") || "no state"} · ${run.end}`),
    make("div", { class: "both" }, make("div", {}, lanes(run),
      make("div", { class: "jumps" }, run.spans.map(([s, a, b]) => jump(`${short[s]} ${a}–${b}`, s, a)),
        run.interjections.map((i) => jump(`${i.source === "script" ? "▽" : "▼"} ${i.message} ${i.source}${after(i)}`, null, i.message)),
        run.attempts.filter((a) => a.message < run.messages).map((a) => jump(`✖ ${a.message} ${a.tool}`, null, a.message)))),
      make("figure", { style: { margin: 0 } }, recurrence(more.alike), make("figcaption", {}, make("small", {},
        `Recurrence: message i against message j, from the lower left${more.alike.step > 1 ? `, every ${more.alike.step}th` : ""}. Strong where two are alike: a block is one message over and over, diagonals a cycle. Click to go there.`)))),
    make("h2", {}, "Transcript"), ...more.messages.map((m, k) => message(m, k, run, more.marks, present)));
}

function route() {
  const found = /^#run-(\d+)(?:-m(\d+))?$/.exec(location.hash), id = found && Number(found[1]), one = found && data.runs[id];
  $("overview").hidden = Boolean(one);
  $("run").hidden = !one;
  if (!one) return $("run").replaceChildren();
  open(id);
  if (found[2] && Number(found[2]) < one.messages) go(Number(found[2])); else scrollTo(0, 0);
}

document.title = data.title;
$("about").replaceChildren(make("p", { class: "soft" }, data.about), ...data.notes.map((n) => make("p", { class: "note" }, n)));
$("condition").append(make("option", { value: "" }, `all ${data.conditions.length} conditions`), ...data.conditions.map((c, id) => make("option", { value: id }, c.name)));
$("condition").addEventListener("change", () => { location.hash = ""; overview(); });
$("keys").append(...[...states, "none"].map((s) => make("span", { class: "key" }, make("i", { style: { background: colour(s) } }), short[s] || "none")),
  make("span", { class: "key" }, "▼ typed"), make("span", { class: "key" }, "▽ scripted"), make("span", { class: "key" }, "✖ tool attempt"));
if (data.compared.length) $("compared").replaceChildren(make("h2", {}, "Comparison"), ...data.compared.map(table));
addEventListener("hashchange", route);
overview();
route();
