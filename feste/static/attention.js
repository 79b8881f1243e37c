// The attention explorer: where a trained model's heads look. All attention weights travel with the page; no kernel is asked.
// `model.get("lines")` gives, for each line, its `tokens` and its `weights`: per layer, per head, per position those
// of this and all earlier positions, in thousandths.

// Radio buttons of one name belong together, in the whole page: each widget needs names of its own.
const unique = () => crypto.getRandomValues(new Uint32Array(1))[0];

const element = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

const visible = (text) => text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "␣");
const percent = (weight) => `${Math.round(weight / 10)} %`;

// A fieldset of radio buttons; `choose` is told the number of the chosen one.
function choices(group, title, names, chosen, choose) {
  return element("fieldset", {}, element("legend", { textContent: title }), ...names.map((name, i) => {
    const radio = element("input", { type: "radio", name: `${group}-${title}`, value: i, checked: i === chosen });
    radio.addEventListener("change", () => choose(i));
    radio.setAttribute("aria-label", `${title}: ${String(name).replaceAll("␣", " ").replaceAll("⏎", ", ")}`);
    return element("label", {}, radio, element("span", { textContent: name }));
  }));
}

// The whole head as a picture: a row for each position, darker where it looks more. The words beside it say the same.
function picture(rows, chosen) {
  const size = 8, n = rows.length;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${n * size} ${n * size}`);
  svg.setAttribute("aria-hidden", "true");
  const square = (x, y, width, attributes) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [k, v] of Object.entries({ x: x * size, y: y * size, width: width * size, height: size, ...attributes })) rect.setAttribute(k, v);
    svg.append(rect);
  };
  rows.forEach((row, t) => row.forEach((weight, s) => square(s, t, 1, { class: "feste-weight", "fill-opacity": weight / 1000 })));
  square(0, chosen, n, { class: "feste-chosen" });
  return svg;
}

function render({ model, el }) {
  el.classList.add("feste-attention");
  const group = `feste-attention-${unique()}`;
  const lines = model.get("lines");
  let line = 0, layer = 0, head = 0, position = lines[0].tokens.length - 1;
  const tokens = element("fieldset", { className: "feste-positions" });
  const map = element("div", { className: "feste-map-of-head" });
  const summary = element("p", { className: "feste-summary" });
  summary.setAttribute("aria-live", "polite");

  const shade = () => {
    const rows = lines[line].weights[layer][head], row = rows[position], names = lines[line].tokens;
    tokens.querySelectorAll("label").forEach((label, s) => {
      label.style.setProperty("--weight", `${(row[s] ?? 0) / 10}%`);
      label.classList.toggle("feste-future", s > position);
      label.querySelector(".feste-weight-text").textContent = s > position ? "–" : percent(row[s]);
    });
    map.replaceChildren(picture(rows, position));
    const most = row.map((weight, s) => [weight, s]).sort((a, b) => b[0] - a[0]).slice(0, 3).filter(([weight], i) => i === 0 || weight >= 10);
    summary.textContent = `Layer ${layer + 1}, head ${head + 1}: position ${position + 1}, “${visible(names[position])}”, looks most at `
      + most.map(([weight, s]) => `“${visible(names[s])}” (position ${s + 1}, ${percent(weight)})`).join(", ") + ".";
  };
  const spell = () => {
    tokens.replaceChildren(element("legend", { textContent: "Looking from" }), ...lines[line].tokens.map((token, t) => {
      const radio = element("input", { type: "radio", name: `${group}-position`, value: t, checked: t === position });
      radio.setAttribute("aria-label", `Position ${t + 1}: ${token.trim() || "a blank"}`);
      radio.addEventListener("change", () => { position = t; shade(); });
      return element("label", {}, radio,
        element("span", { className: "feste-piece", textContent: visible(token) }), element("span", { className: "feste-weight-text" }));
    }));
    shade();
  };
  const { weights } = lines[0];
  const numbered = (list) => list.map((_, i) => i + 1);
  el.replaceChildren(
    choices(group, "Line", lines.map((l) => visible(l.tokens.join(""))), line, (i) => { line = i; position = lines[i].tokens.length - 1; spell(); }),
    choices(group, "Layer", numbered(weights), layer, (i) => { layer = i; shade(); }),
    choices(group, "Head", numbered(weights[0]), head, (i) => { head = i; shade(); }),
    tokens, summary, map,
  );
  spell();
}

export default { render };
