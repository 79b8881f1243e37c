// A run, or two, to watch and to replay. `model.get("runs")` is what `run_data` in feste/widgets.py gives for each.
import { lineChart, pointAt } from "./lib/charts.js";
import { element, inWords, unique } from "./lib/page.js";

const ONE = [   // column, title
  ["lr", "Learning rate"], ["grad_norm", "Gradient norm, before clipping"], ["tokens_per_s", "Tokens a second"],
  ["step_ms", "Milliseconds a step"], ["free_mb", "Free memory, MB"],
];
const MANY = [["grad_norm", "Gradient norm by layer"], ["val_bits_per_byte", "Validation by genre, bits per byte"]];
const BAD = ["alert", "failure"];

const measured = (run, column) => run.columns[column] ?? [];
const named = (runs, run, name) => (runs.length > 1 ? `${run.name}, ${name}` : name);

function lossChart(runs, bits) {
  const columns = bits ? [["val_bits_per_byte", "validation"]] : [["train_loss", "training"], ["val_loss", "validation"]];
  const curves = runs.flatMap((run) => columns.map(([column, name]) => ({ name: named(runs, run, name), points: measured(run, column) })));
  const levels = bits ? Object.entries(runs[0].yardsticks).map(([name, y]) => ({ name, y })) : [];
  const marks = runs.flatMap((run) => run.events.filter(([, event]) => BAD.includes(event)).map(([step, , message]) => [step, message]));
  return { title: bits ? "Loss, bits per byte" : "Loss, nats per token", curves, levels, marks };
}

function charts(runs, bits) {
  const wanted = [lossChart(runs, bits)];
  for (const [column, title] of ONE) wanted.push({ title, curves: runs.map((run) => ({ name: runs.length > 1 ? run.name : title.toLowerCase(), points: measured(run, column) })) });
  for (const [name, title] of MANY) {
    if (runs.length === 1) wanted.push({ title, curves: Object.entries(runs[0].series[name] ?? {}).map(([part, points]) => ({ name: part, points })) });
  }
  return wanted.map((w) => ({ ...w, curves: w.curves.filter((c) => c.points.length) })).filter((w) => w.curves.length).map(lineChart);
}

const stepsOf = (runs) => [...new Set(runs.flatMap((run) => Object.values(run.columns).flatMap((points) => points.map(([x]) => x))))].sort((a, b) => a - b);

function summary(run) {
  if (run.problem) return `${run.name}: ${run.problem}`;
  const last = Object.values(run.columns).reduce((most, points) => Math.max(most, points.at(-1)?.[0] ?? 0), 0);
  const val = measured(run, "val_bits_per_byte").at(-1);
  return `${run.name}${run.tag ? ` (${run.tag})` : ""}: ${run.state}, step ${inWords(last)}${run.steps ? ` of ${inWords(run.steps)}` : ""}`
    + (val ? `, ${inWords(val[1])} bits per byte` : "");
}

function render({ model, el }) {
  el.classList.add("feste-dashboard");
  let bits = false, timer = null, drawnCharts = [], steps = [], said = 0;
  const runs = () => model.get("runs");
  const status = element("p", { className: "feste-summary" }), events = element("ul", { className: "feste-events" });
  status.setAttribute("aria-live", "polite");
  const panels = element("div", { className: "feste-charts" }), samples = element("div", { className: "feste-samples" });
  const slider = element("input", { type: "range", min: 0, max: 0, value: 0 }), where = element("output");
  const play = element("button", { type: "button", textContent: "Play" }), group = `feste-${unique()}`;
  const units = element("fieldset", {}, element("legend", { textContent: "Loss in" }), ...["nats per token", "bits per byte"].map((name, k) => {
    const radio = element("input", { type: "radio", name: group, checked: k === 0 });
    radio.addEventListener("change", () => { bits = k === 1; draw(); });
    return element("label", {}, radio, element("span", { textContent: name }));
  }));

  const show = () => {
    const step = steps[Number(slider.value)] ?? 0;
    where.textContent = slider.ariaValueText = `Step ${inWords(step)}`;
    for (const chart of drawnCharts) chart.at(step);
    samples.replaceChildren(...runs().map((run) => {
      const sample = pointAt(run.samples, step);
      return element("figure", {}, element("figcaption", { textContent: sample ? `${named(runs(), run, "written")} at step ${inWords(sample[0])}` : `${run.name}: nothing written yet` }),
        element("pre", { textContent: sample?.[1] ?? "", tabIndex: 0 }));
    }));
  };
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; };
  function draw() {
    const atTheEnd = Number(slider.value) >= steps.length - 1, before = steps[Number(slider.value)];
    const whole = runs().filter((run) => !run.problem);
    steps = stepsOf(whole);
    slider.max = Math.max(0, steps.length - 1);
    slider.value = atTheEnd ? steps.length - 1 : steps.findLastIndex((s) => s <= before);
    const open = [...panels.querySelectorAll("details")].map((d) => d.open);
    drawnCharts = whole.length && steps.length ? charts(whole, bits) : [];
    panels.replaceChildren(...drawnCharts.map((chart) => chart.node));
    panels.querySelectorAll("details").forEach((d, k) => { d.open = open[k] ?? false; });
    const text = runs().map(summary).join("; ") + ".", bad = runs().flatMap((run) => run.events.filter(([, event]) => BAD.includes(event)));
    if (Date.now() - said > 10000 || runs().every((run) => run.state !== "running")) { status.textContent = text; said = Date.now(); }
    events.replaceChildren(...bad.map(([step, event, message]) => element("li", { textContent: `${event} at step ${inWords(step)}: ${message}` })));
    units.hidden = !whole.some((run) => measured(run, "val_bits_per_byte").length);
    show();
  }
  slider.addEventListener("input", () => { stop(); show(); });
  slider.setAttribute("aria-label", "Step");
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) >= steps.length - 1) slider.value = 0;
    play.textContent = "Pause";
    const slow = matchMedia("(prefers-reduced-motion: reduce)").matches;
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (Number(slider.value) >= steps.length - 1) stop();
    }, slow ? 1000 : 150);
    show();
  });
  el.replaceChildren(status, events, units, element("div", { className: "feste-row" }, play, slider, where), panels, samples);
  model.on("change:runs", draw);
  draw();
  return () => { stop(); model.off("change:runs", draw); };
}

export default { render };
