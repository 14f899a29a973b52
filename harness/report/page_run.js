// ---- one run

function goTo(message) {
  document.querySelectorAll(".message.here").forEach((m) => m.classList.remove("here"));
  const found = $(`m${message}`);
  if (!found) return;
  found.classList.add("here");
  found.scrollIntoView({ block: "center" });
}

function jump(label, state, message) {
  return make("button", { class: "jump", "data-message": message, style: state ? { "border-left-color": colour(state) } : {}, onclick: () => goTo(message) }, label);
}

function lanes(run) {
  const at = (m) => `${(100 * m) / run.messages}%`;
  const lane = (name, kids, kind) => make("div", { class: "lane" }, make("span", {}, name), make("div", { class: `track ${kind || ""}` }, kids));
  const marks = marksOf(run);
  return make("div", {}, marks.length ? lane("", marks.map(([m, sign, title, kind, shift]) => make("button", { title, class: kind, onclick: () => goTo(m), style: { left: at(m + 0.5), "margin-left": shift } }, sign)), "marks") : null,
    states.filter((s) => run.spans.some((span) => span[0] === s)).map((s) => lane(short[s], run.spans.filter((span) => span[0] === s).map(([, a, b]) =>
      make("button", { class: "span", title: `${short[s]} ${a}–${b}`, "aria-label": `${short[s]} ${a} to ${b}`, onclick: () => goTo(a), style: { left: at(a), width: at(b - a + 1), background: colour(s) } })), isForm(s) ? "form" : "")),
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
  canvas.addEventListener("click", (event) => goTo(alike.step * Math.min(size - 1, Math.floor((size * event.offsetX) / canvas.clientWidth))));
  return canvas;
}

const SOURCES = { model: "", script: " · scripted interjection", live: " · typed by a person", puppet: " · spoken by a puppeteer" };

// What shows a state in one message: its own evidence, and to the end of the span the same words.
function evidence(m, index, run, marks) {
  const own = marks.filter((k) => k[0] === index).map(([, state, words]) => [state, words]), low = m.text.toLowerCase();
  const later = run.spans.filter(([s, a, b]) => s !== "verbatim_loop" && a <= index && index <= b)
    .flatMap(([s, a, b]) => marks.filter((k) => k[1] === s && a <= k[0] && k[0] <= b && k[2].length >= 3 && low.includes(k[2].toLowerCase())).map((k) => [s, k[2]]));
  const all = new Map([...own, ...later].map(([state, words]) => [`${state} ${words}`, [state, words, `evidence of ${short[state]}`]]));
  return [...all.values()];
}

function repeatLink(index, more) {
  const of = more.repeats[index];
  return of === undefined ? null : make("button", { class: "repeats", onclick: () => goTo(of) }, `repeats message ${of}`);
}

// What was half said in the making of a message, or after the last one.
function half(m, after) {
  return (m.partials || []).filter((p) => p.after === after).map((p) => make("details", { class: "thinking" },
    make("summary", {}, `broken off ${after ? "after" : "before"} this message: ${p.why}`), make("div", { class: "words", dir: "auto" }, p.words)));
}

function said(m, index, run, more, extra) {
  const mine = evidence(m, index, run, more.marks), low = m.text.toLowerCase(), quoted = mine.filter(([s, words]) => s !== "verbatim_loop" && words && low.includes(words.toLowerCase()));
  const whole = mine.filter(([s, words]) => s !== "verbatim_loop" && !(words && low.includes(words.toLowerCase()))).map(([s]) => short[s]);
  const marks = [...quoted, ...(extra || [])];
  return [
    m.thinking ? make("details", { class: "thinking" }, make("summary", {}, "thinking"), make("div", { class: "words", dir: "auto" }, m.thinking)) : null,
    half(m, false),
    make("div", { class: "words", dir: "auto" }, m.text.trim() ? highlighted(m.text, marks) : make("em", { class: "soft" }, m.incidents.some((what) => what.startsWith("refused")) ? "⟨refused by the provider⟩" : "⟨silence⟩")),
    half(m, true),
    whole.length ? make("small", {}, `evidence of ${[...new Set(whole)].join(", ")}: the message as a whole `) : null,
    repeatLink(index, more),
    m.incidents.map((what) => make("div", { class: "incident" }, `${(kindOf(what) || ["·"])[0]} ${what}`)),
    m.attempts.map((a) => make("div", { class: "attempt" }, `✖ ${a.tool} → ${a.outcome}${a.during === "aborted" ? " (in a message that was aborted)" : ""}: ${a.reason || "(no reason)"}`)),
  ];
}

function who(m, index) {
  const note = SOURCES[m.source] ?? " · interjection";
  return `Model ${m.seat} · turn ${m.turn} · message ${index}${note}`;
}

function message(m, index, run, more, present, extra) {
  const holds = (s) => run.spans.some((p) => p[0] === s && p[1] <= index && index <= p[2]);
  return make("article", { class: `message ${m.seat} ${m.source === "model" ? "" : "interjected"}`, id: `m${index}` },
    make("div", { class: "gutter" }, present.map((s) => make("i", { class: isForm(s) ? "form" : "", title: holds(s) ? short[s] : "", style: holds(s) ? { background: colour(s) } : {} }))),
    make("div", { class: "said" }, make("div", { class: "who" }, who(m, index),
      run.spans.filter((p) => p[1] === index).map((p) => make("small", {}, ` · ${short[p[0]]} begins`))), said(m, index, run, more, extra)));
}

function after(i) {
  if (!i.state) return "";
  const ended = !i.judged ? "(too near the end to tell)" : i.ended_after === null ? "held to the end, or nearly" : `ended ${many(i.ended_after, "message")} after`;
  return `: ${short[i.state]} ${ended}${i.returned_after ? `, came back after ${i.returned_after}` : ""}`;
}

function neighbours(run) {
  const order = runsShown().map((r) => r.id), here = order.indexOf(run.id);
  const step = (label, id) => make("button", { class: "step", ...(id === undefined ? { disabled: "" } : {}), onclick: () => go({ run: id, message: null, find: null }) }, label);
  return make("p", { class: "steps" }, make("button", { class: "back", onclick: () => go({ run: null, message: null, find: null }) }, "← all runs"),
    step("previous run", order[here - 1]), step("next run", order[here + 1]), make("small", {}, `${here + 1} of ${order.length}`), besideChoice(run));
}

function besideChoice(run) {
  const first = run.parent !== null ? run.parent : null, name = (r) => `${r.id === first ? "its parent: " : ""}${fileName(r.path)}`;
  const others = data.runs.filter((r) => r.id !== run.id).sort((a, b) => (b.id === first) - (a.id === first) || (b.condition === run.condition) - (a.condition === run.condition));
  if (!others.length) return null;
  const choice = make("select", { class: "other" }, others.slice(0, 1000).map((r) => make("option", { value: r.id }, name(r))));
  return make("span", { class: "choose" }, make("button", { class: "beside", onclick: () => go({ beside: choice.value, message: null }) }, "side by side with"), choice);
}

function course(run) {
  return make("p", {}, make("b", {}, "path "), run.words, make("br", {}), make("b", {}, "ends in "), run.ends.map((s) => short[s]).join(", ") || "no state",
    make("br", {}), make("b", {}, "why it stopped "), run.stopped);
}

function open(run) {
  const more = read(`run-${run.id}`), condition = data.conditions[run.condition], present = states.filter((s) => run.spans.some((p) => p[0] === s));
  const word = place().find, extra = word ? [[null, word, "found"]] : [];
  put($("run"), neighbours(run),
    make("h2", {}, run.path, " ", condition.demo ? make("span", { class: "badge" }, "scripted demo, no language model") : null),
    make("p", { class: "soft" }, `${condition.name} · ${many(run.messages, "message")} · ${run.cost}${run.branch ? ` · ${run.branch}` : ""}`),
    course(run),
    more.skipped.length ? make("p", { class: "note" }, `${many(more.skipped.length, "line")} of the log could not be read: ${more.skipped.slice(0, 5).map(([n, why]) => `line ${n}: ${why}`).join("; ")}`) : null,
    make("div", { class: "both" }, make("div", {}, lanes(run),
      make("div", { class: "jumps" }, run.spans.map(([s, a, b]) => jump(`${short[s]} ${a}–${b}`, s, a)),
        run.interjections.map((i) => jump(`${spoken(i)} ${i.message} ${i.source}${after(i)}`, null, i.message)),
        run.attempts.map((a) => jump(`✖ ${a.message} ${a.tool}`, null, Math.min(a.message, run.messages - 1))),
        run.incidents.filter(([, what]) => kindOf(what)).map(([m, what]) => jump(`${kindOf(what)[0]} ${m} ${what}`, null, Math.min(m, run.messages - 1))))),
      make("figure", { style: { margin: 0 } }, recurrence(more.alike), make("figcaption", {}, make("small", {},
        `Recurrence: message i against message j, from the lower left${more.alike.step > 1 ? `, one message in ${more.alike.step}` : ""}. Dark where two are alike, white below a likeness of .36: a block is one message over and over, diagonals a cycle. Click to go there.`)))),
    make("details", { class: "stimulus" }, make("summary", {}, "what the models were told"), told(condition)),
    make("h2", {}, "Transcript"), ...more.messages.map((m, k) => message(m, k, run, more, present, extra)));
}
