// Line charts as SVG in the page's colours: curves differ in colour and in dashes, and the numbers are there as words and
// as a table. A chart is made once and given what to show: `title`; `curves`, each a `name` and `points`, pairs of x and y;
// `levels`, horizontal lines with `name` and `y`; `marks`, each x, a kind and a message; `log` for a logarithmic axis.
import { drawn, element, inWords, unique } from "./page.js";

const TOP = 16, BOTTOM = 22, RIGHT = 10, COLOURS = 6;
const DASHES = ["", "6 3", "2 2", "9 3 2 3", "1 3", "12 4"];

// Two to five round numbers between two ends, on a linear or a logarithmic axis.
export function ticks(low, high, log = false) {
  if (log) {
    const powers = Array.from({ length: 40 }, (_, k) => k - 20), within = (v) => v >= low * 0.999 && v <= high * 1.001;
    const round = powers.flatMap((p) => [1, 2, 5].map((k) => Number(`${k}e${p}`))).filter(within);
    const few = round.length > 5 ? round.filter((v) => Math.log10(v) % 1 === 0) : round;
    const apart = Math.ceil(few.length / 5);
    if (few.length > 1) return few.filter((_, k) => k % apart === 0);
  }
  const span = high - low || Math.abs(high) || 1, power = 10 ** Math.floor(Math.log10(span / 3));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => span / s <= 5);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}

// The last point at or before x.
export const pointAt = (points, x) => points.findLast(([at]) => at <= x);

// Where values lie in a picture of so many pixels.
function scales({ curves, levels, log }, width, height) {
  const points = curves.flatMap((c) => c.points), ys = [...points.map(([, y]) => y), ...levels.map((l) => l.y)];
  const bent = log && Math.min(...ys) > 0, f = bent ? Math.log : (v) => v;
  let [low, high] = [Math.min(...ys), Math.max(...ys)];
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 10, high + Math.abs(high || 1) / 10];
  if (!bent && low > 0 && low < 0.4 * high) low = 0;
  const [first, last] = [Math.min(...points.map(([x]) => x)), Math.max(...points.map(([x]) => x))];
  const marked = ticks(low, high, bent), left = 9 + 7 * Math.max(...marked.map((v) => inWords(v).length));
  return {
    first, last, left, marked, right: width - RIGHT, bottom: height - BOTTOM,
    x: (v) => left + (v - first) / (last - first || 1) * (width - RIGHT - left),
    y: (v) => height - BOTTOM - (f(v) - f(low)) / (f(high) - f(low)) * (height - TOP - BOTTOM),
    step: (x) => first + (x - left) / (width - RIGHT - left) * (last - first),
  };
}

function axes(s) {
  const lines = s.marked.flatMap((v) => [
    drawn("line", { x1: s.left, x2: s.right, y1: s.y(v), y2: s.y(v), class: "feste-grid-line" }),
    drawn("text", { x: s.left - 5, y: s.y(v) + 4, "text-anchor": "end" }, inWords(v)),
  ]);
  const steps = ticks(s.first, s.last), apart = Math.ceil(steps.length * 64 / (s.right - s.left));
  return [...lines, ...steps.filter((_, k) => k % apart === 0).map((v) => drawn("text", {
    x: s.x(v), y: s.bottom + 16, "text-anchor": s.x(v) > s.right - 20 ? "end" : "middle" }, inWords(v)))];
}

const style = (k) => ({ class: `feste-curve feste-c${k % COLOURS}`, "stroke-dasharray": DASHES[(k + Math.floor(k / COLOURS)) % DASHES.length] });

const swatch = (k) => drawn("svg", { viewBox: "0 0 26 8", width: 26, height: 8, "aria-hidden": "true" }, drawn("line", { x1: 0, x2: 26, y1: 4, y2: 4, ...style(k) }));

// A curve is faint where it is still to come, and full up to the cursor.
function curve(s, { points }, k, clip) {
  const at = points.map(([x, y]) => `${s.x(x).toFixed(1)},${s.y(y).toFixed(1)}`).join(" ");
  if (points.length === 1) return [drawn("circle", { cx: s.x(points[0][0]), cy: s.y(points[0][1]), r: 3, class: `feste-dot feste-c${k % COLOURS}` })];
  return [drawn("polyline", { points: at, ...style(k), opacity: 0.3 }), drawn("polyline", { points: at, ...style(k), "clip-path": `url(#${clip})` })];
}

const level = (s, { name, y }) => [
  drawn("line", { x1: s.left, x2: s.right, y1: s.y(y), y2: s.y(y), class: "feste-level" }),
  drawn("text", { x: s.right, y: s.y(y) - 4, "text-anchor": "end" }, `${name} ${inWords(y)}`)];

const SHAPES = { alert: "l-6 -10 h12 z", failure: "m-5 -10 l10 10 m0 -10 l-10 10" };

const mark = (s, [x, kind, message]) => {
  const at = Math.min(Math.max(s.x(x), s.left), s.right);
  return [drawn("line", { x1: at, x2: at, y1: TOP, y2: s.bottom, class: "feste-mark-line" }),
    drawn("path", { d: `M${at} ${TOP} ${SHAPES[kind]}`, class: `feste-mark feste-mark-${kind}` }, drawn("title", {}, `Step ${inWords(x)}: ${message}`))];
};

const change = ({ name, points }) => {
  const [x0, y0] = points[0], [x1, y1] = points.at(-1);
  return points.length === 1 ? `${name}: ${inWords(y0)} at step ${inWords(x0)}` : `${name}: from ${inWords(y0)} at step ${inWords(x0)} to ${inWords(y1)} at step ${inWords(x1)}`;
};

function words({ title, curves, levels, marks }) {
  const parts = [...curves.map(change), ...levels.map((l) => `${l.name}: ${inWords(l.y)}`), ...marks.map(([x, kind]) => `${kind} at step ${inWords(x)}`)];
  return `${title}. ${parts.join("; ")}.`;
}

// At most sixty rows, evenly spread, with the last.
function numbers(curves) {
  const steps = [...new Set(curves.flatMap((c) => c.points.map(([x]) => x)))].sort((a, b) => a - b);
  const some = steps.filter((_, k) => k % Math.ceil(steps.length / 59) === 0 || k === steps.length - 1);
  const exact = curves.map((c) => new Map(c.points));
  const cells = (tag, texts) => element("tr", {}, ...texts.map((t) => element(tag, { textContent: t })));
  return element("table", {}, element("thead", {}, cells("th", ["step", ...curves.map((c) => c.name)])),
    element("tbody", {}, ...some.map((x) => cells("td", [inWords(x), ...exact.map((m) => inWords(m.get(x)))]))));
}

// An empty chart; `choose` is told the step where somebody clicks. `end` lets go of it.
export function lineChart(choose) {
  const clip = `feste-clip-${unique()}`, caption = element("figcaption"), legend = element("ul"), box = element("div", { className: "feste-picture" });
  const table = element("div", { className: "feste-grid", tabIndex: 0, role: "group" });
  const details = element("details", {}, element("summary", { textContent: "Numbers" }), table);
  const node = element("figure", {}, caption, box, legend, details);
  let spec = null, s = null, picture = null, seen = null, cursor = null, values = [], chosen = 0, width = 0;

  const show = (x) => {
    const at = Math.min(Math.max(s.x(x), s.left), s.right);
    seen.setAttribute("width", at + 1);
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, at);
    spec.curves.forEach((c, k) => { values[k].textContent = inWords(pointAt(c.points, x)?.[1]) || "–"; });
  };
  const draw = () => {
    width = Math.max(240, Math.round(box.clientWidth) || 320);
    const height = width > 500 ? 230 : 170;
    s = scales(spec, width, height);
    seen = drawn("rect", { x: 0, y: 0, width, height });
    cursor = drawn("line", { y1: TOP, y2: s.bottom, class: "feste-cursor" });
    picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": words(spec) },
      drawn("defs", {}, drawn("clipPath", { id: clip }, seen)), ...axes(s), ...spec.levels.flatMap((l) => level(s, l)),
      ...spec.curves.flatMap((c, k) => curve(s, c, k, clip)), ...spec.marks.flatMap((m) => mark(s, m)), cursor);
    box.replaceChildren(picture);
    show(chosen);
  };
  const pointed = (event) => s.step((event.clientX - picture.getBoundingClientRect().left) * width / picture.getBoundingClientRect().width);
  box.addEventListener("pointermove", (event) => { if (s) show(pointed(event)); });
  box.addEventListener("pointerleave", () => { if (s) show(chosen); });
  box.addEventListener("click", (event) => { if (s) choose(pointed(event)); });
  const fill = () => { if (details.open) table.replaceChildren(numbers(spec.curves)); };
  details.addEventListener("toggle", fill);
  const watcher = new ResizeObserver(() => { if (spec && Math.abs(box.clientWidth - width) > 1 && box.clientWidth) draw(); });
  watcher.observe(box);

  return {
    node,
    end: () => watcher.disconnect(),
    at: (x) => { chosen = x; show(x); },
    update: (wanted, x) => {
      spec = { levels: [], marks: [], ...wanted };
      chosen = x;
      caption.textContent = spec.title;
      table.ariaLabel = `${spec.title}, numbers`;
      values = spec.curves.map(() => element("span"));
      legend.replaceChildren(...spec.curves.map((c, k) => element("li", {}, swatch(k), ` ${c.name} `, values[k])));
      draw();
      fill();
    },
  };
}
