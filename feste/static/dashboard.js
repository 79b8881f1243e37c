// A run, or two, to watch and to replay. `model` has `runs`, `series` and `samples`: for each run, what `run_data` in
// feste/widgets.py gives; they are three so that only what has changed needs to be sent.
import { lineChart, pointAt } from "./lib/charts.js";
import { element, inWords, unique } from "./lib/page.js";

const CHARTS = [    // title, columns with their names
  ["Learning rate", [["lr", "learning rate"]]],
  ["Gradient norm, before clipping", [["grad_norm", "gradient norm"]]],
  ["Tokens a second", [["tokens_per_s", "tokens a second"]]],
  ["Milliseconds a step", [["step_ms", "the whole step"], ["data_ms", "waiting for data"]]],
  ["Memory, MB", [["free_mb", "free in the system"], ["memory_mb", "used by the process"]]],
];
const SERIES = [["grad_norm", "Gradient norm by layer"], ["val_bits_per_byte", "Validation by part of the text, bits per byte"]];
const BAD = ["alert", "failure"];
const SPEEDS = { slow: 40, normal: 20, fast: 8 };   // seconds for a whole run
const QUIET = 10000;                                // ms between two announcements

const LIVE = ["runs", "series", "samples"];

const measured = (run, column) => run.columns[column] ?? [];
const labelled = (runs, run) => (runs.length > 1 ? `${run.name}${runs[0].name === runs[1].name ? ` ${runs.indexOf(run) + 1}` : ""}` : "");
const named = (runs, run, name) => [labelled(runs, run), name].filter(Boolean).join(", ");
const bad = (run) => run.events.filter(([, event]) => BAD.includes(event));
const happened = ([step, event, message]) => `${event} at step ${inWords(step)}${message ? `: ${message}` : ""}`;

function lossSpec(runs, bits) {
  const columns = bits ? [["val_bits_per_byte", "validation"]] : [["train_loss", "training"], ["val_loss", "validation"]];
  return {
    title: bits ? "Loss, bits per byte" : "Loss, nats per token", marks: runs.flatMap(bad),
    curves: runs.flatMap((run) => columns.map(([column, name]) => ({ name: named(runs, run, name), points: measured(run, column) }))),
    levels: bits ? Object.entries(runs[0].yardsticks).map(([name, y]) => ({ name, y })) : [],
  };
}

// What each chart shows; one without numbers is left out.
function specs(runs, bits, log) {
  const columns = CHARTS.map(([title, names]) => ({ title, curves: runs.flatMap((run) => names.map(([column, name]) => ({ name: named(runs, run, name), points: measured(run, column) }))) }));
  const parts = SERIES.flatMap(([name, title]) => runs.map((run) => ({
    title: [title, labelled(runs, run)].filter(Boolean).join(": "),
    curves: Object.entries(run.series[name] ?? {}).map(([part, points]) => ({ name: part, points })) })));
  return [lossSpec(runs, bits), ...columns, ...parts]
    .map((spec, k) => ({ ...spec, log, id: k, curves: spec.curves.filter((c) => c.points.length) })).filter((spec) => spec.curves.length);
}

const stepsOf = (runs) => [...new Set(runs.flatMap((run) => [...run.samples, ...Object.values(run.columns).flat()].map(([x]) => x)))].sort((a, b) => a - b);

function summary(run) {
  if (run.problem) return `${run.name}: ${run.problem}`;
  const last = (column, unit) => { const point = measured(run, column).at(-1); return point ? `, ${inWords(point[1])} ${unit}` : ""; };
  return `${run.name}${run.tag && run.tag !== run.name ? ` (${run.tag})` : ""}: ${run.state}, step ${inWords(stepsOf([run]).at(-1) ?? 0)}${run.steps ? ` of ${inWords(run.steps)}` : ""}`
    + last("train_loss", "nats per token in training") + last("val_loss", "in validation") + last("val_bits_per_byte", "bits per byte");
}

const labels = (name, input) => element("label", {}, element("span", { textContent: name }), input);

function render({ model, el }) {
  el.classList.add("feste-dashboard");
  const group = `feste-${unique()}`, charts = new Map();
  let bits = false, timer = null, steps = [], said = "", announced = -QUIET, soon = null;
  const runs = () => model.get("runs").map((run, k) => ({ ...run, series: model.get("series")[k], samples: model.get("samples")[k] }));
  const status = element("p", { className: "feste-summary" }), live = element("p", { className: "feste-unseen" });
  live.setAttribute("aria-live", "polite");
  const warnings = element("ul", { className: "feste-events" }), history = element("ol");
  const everything = element("details", {}, element("summary", { textContent: "All events" }), history);
  const loss = element("div", { className: "feste-charts feste-loss" }), panels = element("div", { className: "feste-charts" }), samples = element("div", { className: "feste-samples" });
  const slider = element("input", { type: "range", min: 0, max: 0, value: 0 }), where = element("output");
  const play = element("button", { type: "button", textContent: "Play" });
  const speed = element("select", {}, ...Object.keys(SPEEDS).map((name) => element("option", { value: name, textContent: name, selected: name === "normal" })));
  const log = element("input", { type: "checkbox" });
  const logarithmic = element("label", { className: "feste-log" }, log, element("span", { textContent: "Logarithmic axes" }));
  const units = element("fieldset", {}, element("legend", { textContent: "Loss in" }), ...["nats per token", "bits per byte"].map((name, k) => {
    const radio = element("input", { type: "radio", name: group, checked: k === 0 });
    radio.addEventListener("change", () => { bits = k === 1; draw(); });
    return element("label", {}, radio, element("span", { textContent: name }));
  }));

  const index = () => Number(slider.value);
  const show = () => {
    const step = steps[index()] ?? 0, every = runs();
    where.textContent = `step ${inWords(step)}`;
    slider.ariaValueText = `step ${inWords(step)} of ${inWords(steps.at(-1) ?? 0)}`;
    for (const chart of charts.values()) chart.at(step);
    while (samples.children.length < every.length) samples.append(element("figure", {}, element("figcaption"), element("pre", { tabIndex: 0, role: "group" })));
    every.forEach((run, k) => {
      const sample = pointAt(run.samples, step), [caption, text] = samples.children[k].children;
      const title = sample ? `${named(every, run, "sample")} at step ${inWords(sample[0])}` : `${named(every, run, "no sample yet")}`;
      if (caption.textContent !== title) caption.textContent = text.ariaLabel = title;
      if (text.textContent !== (sample?.[1] ?? "")) text.textContent = sample?.[1] ?? "";
      text.hidden = !sample;
    });
  };
  const announce = () => {
    clearTimeout(soon);
    const wait = announced + QUIET - performance.now();
    if (wait > 0) soon = setTimeout(announce, wait);
    else if (live.textContent !== said) { live.textContent = said; announced = performance.now(); }
  };
  const arrange = (every) => {
    const wanted = every.length && steps.length ? specs(every, bits, log.checked) : [], ids = new Set(wanted.map((spec) => spec.id));
    for (const [id, chart] of charts) if (!ids.has(id)) { chart.end(); chart.node.remove(); charts.delete(id); }
    wanted.forEach((spec) => {
      if (!charts.has(spec.id)) charts.set(spec.id, lineChart((x) => { stop(); go(x); }));
      const chart = charts.get(spec.id);
      chart.update(spec, steps[index()]);
    });
    // A node that is where it should be is left alone: it may have the focus.
    const place = (box, nodes) => nodes.forEach((node, k) => { if (box.children[k] !== node) box.insertBefore(node, box.children[k] ?? null); });
    place(loss, wanted.filter((spec) => spec.id === 0).map((spec) => charts.get(spec.id).node));
    place(panels, wanted.filter((spec) => spec.id > 0).map((spec) => charts.get(spec.id).node));
  };
  function draw() {
    const every = runs(), before = steps[index()], atTheEnd = index() >= steps.length - 1 && !timer;
    steps = stepsOf(every);
    slider.max = Math.max(0, steps.length - 1);
    slider.value = atTheEnd ? steps.length - 1 : Math.max(0, steps.findLastIndex((step) => step <= before));
    status.textContent = said = `${every.map(summary).join("; ")}.`;
    announce();
    const items = (chosen) => every.flatMap((run) => chosen(run).map((event) => element("li", { textContent: named(every, run, happened(event)) })));
    warnings.replaceChildren(...items(bad));
    history.replaceChildren(...items((run) => run.events));
    everything.hidden = !history.children.length;
    units.hidden = !every.some((run) => measured(run, "val_bits_per_byte").length);
    controls.hidden = logarithmic.hidden = steps.length < 2;
    arrange(every);
    show();
  }
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; };
  const go = (x) => { slider.value = steps.findLastIndex((step) => step <= Math.max(x, steps[0])); show(); };
  // With reduced motion: from sample to sample, rather than a moving picture.
  const start = () => {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches, whole = SPEEDS[speed.value] * 1000, begun = performance.now(), from = index();
    const stations = [...new Set([...runs().flatMap((run) => run.samples.map(([x]) => x)), steps.at(-1)])].sort((a, b) => a - b);
    play.textContent = "Pause";
    timer = setInterval(() => {
      if (still) go(stations.find((x) => x > steps[index()]) ?? steps.at(-1));
      else {
        const next = from + Math.floor((performance.now() - begun) / whole * (steps.length - 1));
        if (next !== index()) { slider.value = next; show(); }
      }
      if (index() >= steps.length - 1) stop();
    }, still ? whole / 10 : 50);
  };
  slider.addEventListener("input", () => { stop(); show(); });
  log.addEventListener("change", draw);
  speed.addEventListener("change", () => { if (timer) { stop(); start(); } });
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (index() >= steps.length - 1) { slider.value = 0; show(); }
    start();
  });
  const controls = element("div", { className: "feste-row" }, play, labels("Speed", speed), labels("Step", slider), where);
  el.replaceChildren(status, live, warnings, everything, controls, units, logarithmic, loss, samples, panels);
  for (const name of LIVE) model.on(`change:${name}`, draw);
  draw();
  return () => {
    stop();
    clearTimeout(soon);
    for (const chart of charts.values()) chart.end();
    for (const name of LIVE) model.off(`change:${name}`, draw);
  };
}

export default { render };
