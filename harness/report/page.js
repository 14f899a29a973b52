"use strict";
// All words on this page go in as text nodes: nothing that a model said is ever parsed as markup.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const data = read("report"), short = data.short, states = [...data.themes, ...data.forms];
const $ = (id) => document.getElementById(id);
const colour = (state) => `var(--${state || "none"})`;
const inkOn = (state) => (state === "identity_standoff" ? "#fff" : "#000");
const percent = (x) => `${Math.round(100 * x)}%`;
const many = (n, thing) => `${n.toLocaleString("en")} ${thing}${n === 1 ? "" : "s"}`;
const isForm = (state) => data.forms.includes(state);
const named = (state) => short[state] + (isForm(state) ? " (form)" : "");
const DASHES = ["", "7 3", "2 2", "9 3 2 3", "12 4", "4 2", "1 3", "6 2 1 2"];
const FEW = 8; // conditions that a plot can hold

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "style") Object.entries(value).forEach(([k, v]) => node.style.setProperty(k, v));
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return node;
}
const put = (node, ...children) => { node.replaceChildren(); return fill(node, {}, children); };
const make = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

// ---- where the reader is: #condition=1&run=3&message=12&beside=5&find=word

const place = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const number = (text, size) => (/^\d+$/.test(text || "") && Number(text) < size ? Number(text) : null);

function go(changes) {
  const next = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...place(), ...changes })) {
    if (value !== null && value !== "") next.set(name, value);
  }
  location.hash = next.toString();
  route(); // at once; the event that follows finds nothing to do
}

const filtered = () => number(place().condition, data.conditions.length);
const shown = () => data.conditions.map((c, id) => ({ ...c, id })).filter((c) => filtered() === null || c.id === filtered());
const runsShown = () => data.runs.filter((r) => filtered() === null || r.condition === filtered());

// ---- marks: what is not a state

const KINDS = { slid: ["⇤", "the window slid"], refused: ["⊘", "refused by the provider"], full: ["✂", "cut: the context window is full"], prompt_cut: ["✁", "the server had cut the prompt"],
  truncated: ["✂", "cut by its length limit"], "broken off": ["≠", "broken off: asked for again, taken over or stopped"],
  retried: ["↻", "asked for again after a failure"] };
const kindOf = (what) => KINDS[what.split(":")[0]] || null;
const spoken = (i) => (i.source === "live" ? "▼" : "▽");

function marksOf(run) {
  const marks = [
    ...run.interjections.map((i) => [i.message, spoken(i), `interjection (${i.source})`, ""]),
    ...run.attempts.map((a) => [a.message, "✖", a.tool, "alarm"]),
    ...run.incidents.filter(([, what]) => kindOf(what)).map(([m, what]) => [m, kindOf(what)[0], what, "incident"]),
  ].filter((m) => m[0] <= run.messages);
  const once = new Map(marks.map((m) => [`${m[0]}${m[1]}`, m]));
  const beside = {}; // several at one message stand next to each other
  return [...once.values()].map(([m, sign, title, kind]) => {
    const shift = beside[m] = m in beside ? beside[m] + 12 : 0;
    return [Math.min(m, run.messages - 1), sign, `${title} at message ${m}`, kind, `${shift}px`];
  });
}

function square(state) {
  return make("i", { class: isForm(state) ? "form" : "", style: { background: colour(state) } });
}

function table(one) {
  const [title, columns, rows, note] = one;
  return make("div", { class: "scroll" }, make("table", {}, make("caption", {}, title),
    make("thead", {}, make("tr", {}, columns.map((c) => make("th", {}, c)))),
    make("tbody", {}, rows.map((row) => make("tr", {}, row.map((cell) => make("td", { dir: "auto" }, cell)))))),
    note ? make("p", { class: "soft small" }, note) : null);
}

function highlighted(text, marks) {
  const cuts = new Set([0, text.length]), found = [], low = text.toLowerCase();
  const source = low.length === text.length ? low : text; // some letters change their length
  for (const [state, words, title] of marks) {
    const sought = source === low ? words.toLowerCase() : words;
    for (let start = source.indexOf(sought), n = 0; sought && start >= 0 && n < 500; start = source.indexOf(sought, start + sought.length), n++) {
      found.push([state, start, start + words.length, title]);
      cuts.add(start).add(start + words.length);
    }
  }
  const edges = [...cuts].sort((a, b) => a - b);
  return edges.slice(1).map((end, k) => {
    const part = text.slice(edges[k], end), on = found.filter((f) => f[1] <= edges[k] && f[2] >= end);
    return on.length ? make("mark", { title: [...new Set(on.map((f) => f[3]))].join(", "), style: { "--own": on[0][0] ? colour(on[0][0]) : "var(--link)" } }, part) : part;
  });
}
