// The sampler widget. With a kernel (`live`) it asks Python; without one it shows recorded answers.
// `model` has get, set, save_changes and on: anywidget's in Jupyter, a plain object on the book's pages.

// Radio buttons of one name belong together, in the whole page: each widget needs names of its own.
const unique = () => crypto.getRandomValues(new Uint32Array(1))[0];

const element = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

const field = (label, input) => element("label", {}, element("span", { textContent: label }), input);

const shown = (text) => text.replaceAll("\n", "⏎");

function renderLive(model, el) {
  const number = (name, step, min, max) =>
    element("input", { type: "number", name, step, min, max, value: model.get(name) });
  const inputs = {
    prompt: element("textarea", { name: "prompt", rows: 2, value: model.get("prompt") }),
    temperature: number("temperature", 0.1, 0, 5),
    top_k: number("top_k", 1, 0, 100000),
    length: number("length", 1, 1, 2000),
    seed: number("seed", 1, 0, 4294967295),
  };
  const button = element("button", { type: "submit", textContent: "Generate" });
  const answer = element("pre", { className: "feste-answer", textContent: model.get("text") });
  const problem = element("p", { className: "feste-problem" });
  answer.setAttribute("aria-live", "polite");
  problem.setAttribute("role", "alert");

  const form = element(
    "form", {},
    field("Prompt (Enter generates, Shift+Enter breaks the line)", inputs.prompt),
    element(
      "div", { className: "feste-row" },
      field("Temperature", inputs.temperature), field("Top-k (0: all)", inputs.top_k),
      field("Tokens", inputs.length), field("Seed", inputs.seed), button,
    ),
  );
  const say = (state, label) => { button.disabled = state; button.textContent = label; };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    say(true, "Waiting for Python…");
    for (const [name, input] of Object.entries(inputs))
      model.set(name, input.type === "number" ? Number(input.value) : input.value);
    model.set("asked", model.get("asked") + 1);
    model.save_changes();
  });
  inputs.prompt.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    form.requestSubmit();
  });
  model.on("change:text", () => { answer.textContent = model.get("text"); });
  model.on("change:problem", () => { problem.textContent = model.get("problem"); });
  model.on("change:busy", () => (model.get("busy") ? say(true, "Writing…") : say(false, "Generate")));
  el.replaceChildren(form, problem, answer);
}

function renderRecorded(model, el) {
  const recorded = model.get("recorded");
  const group = `feste-sampler-${unique()}`;
  const offered = (key) => [...new Set(recorded.map((r) => r[key]))];
  const answer = element("pre", { className: "feste-answer" });
  answer.setAttribute("aria-live", "polite");
  const choice = { prompt: recorded[0].prompt, temperature: recorded[0].temperature };
  const update = () => {
    const match = recorded.find((r) => r.prompt === choice.prompt && r.temperature === choice.temperature);
    answer.textContent = match ? match.text : "";
  };
  const radios = (key, legend, label) =>
    element(
      "fieldset", {}, element("legend", { textContent: legend }),
      ...offered(key).map((value) => {
        const input = element("input", { type: "radio", name: `${group}-${key}`, value, checked: value === choice[key] });
        input.addEventListener("change", () => { choice[key] = value; update(); });
        return element("label", {}, input, element("span", { textContent: label(value) }));
      }),
    );
  const note = element("p", {
    className: "feste-note",
    textContent: "Recorded answers. Open the chapter in Jupyter to write prompts of your own.",
  });
  update();
  el.replaceChildren(radios("prompt", "After", shown), radios("temperature", "Temperature", String), answer, note);
}

function render({ model, el }) {
  el.classList.add("feste-sampler");
  (model.get("live") ? renderLive : renderRecorded)(model, el);
}

export default { render };
