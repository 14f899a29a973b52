// ---- two runs side by side, aligned by message

const same = (a, b) => a && b && a.seat === b.seat && a.text === b.text;

function cell(m, index, run, more) {
  if (!m) return make("div", { class: "cell none soft" }, "(this run has stopped)");
  const states_here = run.spans.filter((p) => p[1] <= index && index <= p[2]).map((p) => make("span", { class: "key" }, square(p[0]), short[p[0]]));
  return make("div", { class: `cell ${m.seat} ${m.source === "model" ? "" : "interjected"}` },
    make("div", { class: "who" }, who(m, index), " ", states_here), said(m, index, run, more));
}

function sideBySide(left, right) {
  const [a, b] = [left, right].map((run) => ({ run, more: read(`run-${run.id}`), condition: data.conditions[run.condition] }));
  const size = Math.max(left.messages, right.messages);
  let part = 0;
  while (part < size && same(a.more.messages[part], b.more.messages[part])) part++;
  const pair = (k) => make("div", { class: "pair" }, [a, b].map((side) => cell(side.more.messages[k], k, side.run, side.more)));
  const head = (side) => make("div", {}, make("h2", {}, side.run.path), make("p", { class: "soft" }, side.condition.name, side.run.branch ? ` · ${side.run.branch}` : ""),
    timeline(side.run, size), course(side.run));
  const differ = a.condition === b.condition ? [] : a.condition.stimulus.map(([name, values]) => [name, values.map((v) => v[0]).join(" | "), ((b.condition.stimulus.find((s) => s[0] === name) || [])[1] || []).map((v) => v[0]).join(" | ")])
    .concat(b.condition.stimulus.filter(([name]) => !a.condition.stimulus.some((s) => s[0] === name)).map(([name, values]) => [name, "", values.map((v) => v[0]).join(" | ")])).filter((row) => row[1] !== row[2]);
  put($("beside"), 
    make("p", { class: "steps" }, make("button", { class: "back", onclick: () => go({ beside: null }) }, "← the run alone"), make("button", { onclick: () => go({ run: right.id, beside: left.id }) }, "swap")),
    make("div", { class: "pair" }, head(a), head(b)),
    differ.length ? table(["what they were told differently", ["", "left", "right"], differ]) : null,
    part ? make("details", { class: "alike" }, make("summary", {}, `messages 0–${part - 1} are the same in both`), Array.from({ length: part }, (_, k) => pair(k))) : null,
    make("p", { class: "part" }, part === size ? "they never part" : `they part at message ${part}`),
    ...Array.from({ length: size - part }, (_, k) => pair(part + k)));
}

// ---- a word in all runs

const HITS = 200; // that are listed

function search(word) {
  const sought = word.toLowerCase(), hits = [];
  let count = 0, runs = 0;
  for (const run of runsShown()) {
    const before = count;
    read(`run-${run.id}`).messages.forEach((m, index) => {
      const at = m.text.toLowerCase().indexOf(sought);
      if (at < 0) return;
      count++;
      const blank = m.text.lastIndexOf(" ", at - 60), to = at + word.length + 90;
      const from = at <= 60 ? 0 : blank > at - 90 ? blank + 1 : at - 60;
      if (hits.length < HITS) hits.push({ run, index, m, cut: `${from ? "…" : ""}${m.text.slice(from, to)}${to < m.text.length ? "…" : ""}` });
    });
    runs += count > before;
  }
  put($("found"), make("p", {}, make("button", { class: "back", onclick: () => go({ find: null }) }, "← all runs")),
    make("h2", {}, `“${word}” stands in ${many(count, "message")}, in ${runs} of ${many(runsShown().length, "run")}`), count > HITS ? make("p", { class: "soft" }, `the first ${HITS}:`) : null,
    ...hits.map(({ run, index, m, cut }) => make("button", { class: "hit", onclick: () => go({ run: run.id, message: index }) },
      make("b", {}, `${fileName(run.path)} · Model ${m.seat} · message ${index}`), make("span", { class: "words", dir: "auto" }, highlighted(cut, [[null, word, "found"]])))));
}
