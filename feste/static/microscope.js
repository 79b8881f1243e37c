// The gradient microscope: a backward pass is a sum of terms. Switch one off, and see which elements no longer agree with
// finite differences. `model.get` gives `layers` (each a `name`, a `shape`, the `expected` differences, and `terms` with a
// `name` and `values`, all arrays flat) and `limit`, the relative error allowed.

// Radio buttons of one name belong together, in the whole page: each widget needs names of its own.
const unique = () => crypto.getRandomValues(new Uint32Array(1))[0];

const element = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

// The sum of the terms that are on, and for each element its error relative to the larger of the two numbers
// and a hundredth of the largest gradient: what `check_gradient` computes.
function compare(layer, on) {
  const got = layer.expected.map((_, i) => layer.terms.reduce((sum, term, k) => sum + (on[k] ? term.values[i] : 0), 0));
  const floor = Math.max(...got.map(Math.abs)) / 100 + 1e-8;
  const errors = got.map((x, i) => Math.abs(x - layer.expected[i]) / Math.max(Math.abs(x), Math.abs(layer.expected[i]), floor));
  return { got, errors };
}

const SHOWN = {
  "relative error": (_, got, error) => error.toExponential(0),
  "finite differences": (expected) => expected.toFixed(4),
  "by hand": (_, got) => got.toFixed(4),
};

function render({ model, el }) {
  el.classList.add("feste-microscope");
  const group = `feste-microscope-${unique()}`;
  const layers = model.get("layers"), limit = model.get("limit");
  let layer = layers[0], on = [], show = "relative error";
  const terms = element("fieldset"), grid = element("table"), summary = element("p", { className: "feste-summary" });
  summary.setAttribute("aria-live", "polite");

  const draw = () => {
    const { got, errors } = compare(layer, on);
    const [rows, columns] = layer.shape;
    const cell = (r, c) => {
      const i = r * columns + c, wrong = !(errors[i] <= limit);
      const td = element("td", { textContent: SHOWN[show](layer.expected[i], got[i], errors[i]) + (wrong ? " ✗" : " ✓") });
      td.classList.toggle("feste-wrong", wrong);
      td.style.setProperty("--depth", `${wrong ? Math.max(15, Math.min(70, 70 + 12 * Math.log10(errors[i]))) : 0}%`);
      return td;
    };
    const heading = (n, scope) => element("th", { textContent: n, scope });
    const range = (n) => [...Array(n).keys()];
    grid.replaceChildren(
      element("caption", { textContent: `${layer.name}: the ${show} of each element, rows by columns` }),
      element("thead", {}, element("tr", {}, element("td"), ...range(columns).map((c) => heading(c, "col")))),
      element("tbody", {}, ...range(rows).map((r) => element("tr", {}, heading(r, "row"), ...range(columns).map((c) => cell(r, c))))),
    );
    const wrong = errors.filter((e) => !(e <= limit)).length, worst = errors.indexOf(Math.max(...errors));
    summary.textContent = wrong === 0
      ? `All ${errors.length} elements agree; the largest relative error is ${errors[worst].toExponential(0)}.`
      : `${wrong} of ${errors.length} elements are off. The worst is at (${Math.floor(worst / columns)}, ${worst % columns}): `
        + `expected ${layer.expected[worst].toPrecision(6)}, got ${got[worst].toPrecision(6)}.`;
  };
  const choose = (next) => {
    layer = next;
    on = layer.terms.map(() => true);
    terms.replaceChildren(element("legend", { textContent: "Terms" }), ...layer.terms.map((term, k) => {
      const box = element("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => { on[k] = box.checked; draw(); });
      return element("label", {}, box, element("span", { textContent: term.name }));
    }));
    draw();
  };
  const radios = (title, names, act) => element("fieldset", {}, element("legend", { textContent: title }), ...names.map((name, i) => {
    const radio = element("input", { type: "radio", name: `${group}-${title}`, value: name, checked: i === 0 });
    radio.addEventListener("change", () => act(i));
    return element("label", {}, radio, element("span", { textContent: name }));
  }));
  el.replaceChildren(
    radios("Gradient", layers.map((l) => l.name), (i) => choose(layers[i])),
    terms,
    radios("Show", Object.keys(SHOWN), (i) => { show = Object.keys(SHOWN)[i]; draw(); }),
    summary, element("div", { className: "feste-grid", tabIndex: 0, ariaLabel: "Elements", role: "group" }, grid),
  );
  choose(layer);
}

export default { render };
