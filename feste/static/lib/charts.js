// A line chart as SVG that takes the page's colours: curves differ in colour and in dashes, and the numbers are there as
// words and as a table. `curves` have a `name` and `points`, pairs of x and y; `levels` are horizontal lines with a name;
// `marks` are pairs of x and a message.
import { drawn, element, inWords } from "./page.js";

const WIDTH = 320, HEIGHT = 168, LEFT = 46, RIGHT = 8, TOP = 8, BOTTOM = 22;
const DASHES = ["", "6 3", "2 2", "9 3 2 3", "1 3", "12 4"];

// Three to five round numbers between two ends.
export function ticks(low, high) {
  const span = high - low || Math.abs(high) || 1, power = 10 ** Math.floor(Math.log10(span / 3));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => span / s <= 5);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}

// The last point at or before x.
export const pointAt = (points, x) => points.findLast(([at]) => at <= x);

function scales(curves, levels) {
  const points = curves.flatMap((c) => c.points), ys = [...points.map(([, y]) => y), ...levels.map((l) => l.y)];
  let [low, high] = [Math.min(...ys), Math.max(...ys)];
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 10, high + Math.abs(high || 1) / 10];
  if (low > 0 && low < 0.4 * high) low = 0;
  const [first, last] = [Math.min(...points.map(([x]) => x)), Math.max(...points.map(([x]) => x), 1)];
  return {
    low, high, first, last,
    x: (v) => LEFT + (v - first) / (last - first || 1) * (WIDTH - LEFT - RIGHT),
    y: (v) => HEIGHT - BOTTOM - (v - low) / (high - low) * (HEIGHT - TOP - BOTTOM),
  };
}

function axes(s) {
  const lines = ticks(s.low, s.high).flatMap((v) => [
    drawn("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: s.y(v), y2: s.y(v), class: "feste-grid-line" }),
    drawn("text", { x: LEFT - 5, y: s.y(v) + 4, "text-anchor": "end" }, inWords(v)),
  ]);
  const steps = ticks(s.first, s.last), shown = steps.length > 4 ? steps.filter((_, k) => k % 2 === 0) : steps;
  return [...lines, ...shown.map((v) => drawn("text", { x: s.x(v), y: HEIGHT - 6, "text-anchor": s.x(v) > WIDTH - 30 ? "end" : "middle" }, inWords(v)))];
}

const change = ({ name, points }) => {
  const [x0, y0] = points[0], [x1, y1] = points.at(-1);
  return points.length === 1 ? `${name}: ${inWords(y0)} at step ${inWords(x0)}` : `${name}: from ${inWords(y0)} at step ${inWords(x0)} to ${inWords(y1)} at step ${inWords(x1)}`;
};

const swatch = (k) => drawn("svg", { viewBox: "0 0 26 8", width: 26, height: 8, "aria-hidden": "true" },
  drawn("line", { x1: 0, x2: 26, y1: 4, y2: 4, class: `feste-curve feste-c${k % 6}`, "stroke-dasharray": DASHES[k % 6] }));

// At most thirty rows, evenly spread, with the last.
function numbers(title, curves) {
  const steps = [...new Set(curves.flatMap((c) => c.points.map(([x]) => x)))].sort((a, b) => a - b);
  const some = steps.filter((_, k) => k % Math.ceil(steps.length / 29) === 0 || k === steps.length - 1);
  const exact = curves.map((c) => new Map(c.points));
  const cells = (tag, texts) => element("tr", {}, ...texts.map((t) => element(tag, { textContent: t })));
  return element("details", {}, element("summary", { textContent: "Numbers" }), element("div", { className: "feste-grid", tabIndex: 0, role: "group", ariaLabel: `${title}, numbers` },
    element("table", {}, element("thead", {}, cells("th", ["step", ...curves.map((c) => c.name)])),
      element("tbody", {}, ...some.map((x) => cells("td", [inWords(x), ...exact.map((m) => inWords(m.get(x)))]))))));
}

export function lineChart({ title, curves, levels = [], marks = [] }) {
  const s = scales(curves, levels), cursor = drawn("line", { y1: TOP, y2: HEIGHT - BOTTOM, class: "feste-cursor", visibility: "hidden" });
  const picture = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}. ${curves.map(change).join("; ")}.` },
    ...axes(s),
    ...levels.flatMap((l) => [
      drawn("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: s.y(l.y), y2: s.y(l.y), class: "feste-level" }),
      drawn("text", { x: WIDTH - RIGHT, y: s.y(l.y) - 3, "text-anchor": "end" }, `${l.name} ${inWords(l.y)}`)]),
    ...marks.map(([x, message]) => drawn("path", { d: `M${s.x(x)} ${HEIGHT - BOTTOM} l-5 9 h10 z`, class: "feste-mark" }, drawn("title", {}, message))),
    ...curves.map((c, k) => drawn("polyline", { points: c.points.map(([x, y]) => `${s.x(x).toFixed(1)},${s.y(y).toFixed(1)}`).join(" "), class: `feste-curve feste-c${k % 6}`, "stroke-dasharray": DASHES[k % 6] })),
    cursor);
  const values = curves.map(() => element("span"));
  const legend = element("ul", {}, ...curves.map((c, k) => element("li", {}, swatch(k), ` ${c.name} `, values[k])));
  const at = (x) => {
    cursor.setAttribute("x1", s.x(x));
    cursor.setAttribute("x2", s.x(x));
    cursor.setAttribute("visibility", x >= s.first && x <= s.last ? "visible" : "hidden");
    curves.forEach((c, k) => { values[k].textContent = inWords(pointAt(c.points, x)?.[1]); });
  };
  at(s.last);
  return { node: element("figure", {}, element("figcaption", { textContent: title }), picture, legend, numbers(title, curves)), at };
}
