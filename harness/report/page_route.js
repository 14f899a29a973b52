// ---- what is shown follows the address

let overviewOf, routed; // which condition's overview is drawn; which address is shown

function route() {
  if (routed === location.hash) return;
  routed = location.hash;
  const at = place(), run = number(at.run, data.runs.length), other = number(at.beside, data.runs.length);
  const view = run !== null && other !== null && other !== run ? "beside" : run !== null ? "run" : at.find ? "found" : "overview";
  for (const name of ["overview", "found", "run", "beside"]) {
    $(name).hidden = name !== view;
    if (name !== "overview" && name !== view) $(name).replaceChildren();
  }
  $("about").hidden = view !== "overview";
  $("condition").value = filtered() === null ? "" : String(filtered());
  if (document.activeElement !== $("find")) $("find").value = at.find || "";
  if (overviewOf !== filtered()) { overviewOf = filtered(); overview(); }
  if (view === "beside") sideBySide(data.runs[run], data.runs[other]);
  if (view === "found") search(at.find);
  if (view === "run") open(data.runs[run]);
  if (view === "run" && number(at.message, data.runs[run].messages) !== null) goTo(Number(at.message)); else if (view !== "found") scrollTo(0, 0);
}

document.title = data.title;
put($("about"), make("p", { class: "soft" }, data.about), ...data.notes.map((n) => make("p", { class: "note" }, n)));
$("reach").textContent = data.reach;
$("ends").textContent = data.ends;
$("condition").append(make("option", { value: "" }, data.conditions.length > 1 ? `all ${data.conditions.length} conditions` : "the one condition"), ...data.conditions.map((c, id) => make("option", { value: id }, c.name)));
$("condition").addEventListener("change", () => go({ condition: $("condition").value, run: null, message: null, beside: null }));
let typing;
$("find").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => go({ find: $("find").value.trim(), run: null, message: null, beside: null }), 250); });
addEventListener("keydown", (event) => {
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowLeft: 0, ArrowRight: 1 }[event.key], buttons = document.querySelectorAll("#run:not([hidden]) .step");
  if (step !== undefined && buttons.length) buttons[step].click();
});
$("keys").append(...states.filter((s) => data.runs.some((r) => r.spans.some((p) => p[0] === s))).map((s) => make("span", { class: "key" }, square(s), named(s))),
  ...["▼ typed", "▽ scripted, a puppeteer's, or not recorded", "✖ tool attempt"].map((text) => make("span", { class: "key" }, text)),
  ...[...new Map(data.runs.flatMap((r) => r.incidents.map(([, what]) => kindOf(what)).filter(Boolean)).map((k) => [k[0], k])).values()].map(([sign, words]) => make("span", { class: "key" }, `${sign} ${words}`)));
if (data.asked.length) put($("asked"), make("h2", {}, "Words"), ...data.asked.map(table));
if (data.compared.length) put($("compared"), make("h2", {}, "Comparison"), ...data.compared.map(table));
addEventListener("hashchange", route);
overviewOf = filtered();
overview();
route();
