// The tokenizer explorer: everything happens here, with or without a kernel.
// `model.get` gives `merges` (a flat list of pairs of ids), `sizes` (vocabularies to choose from), `size` and `text`.

// Radio buttons of one name belong together, in the whole page: each widget needs names of its own.
const unique = () => crypto.getRandomValues(new Uint32Array(1))[0];

const element = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

// GPT-2's pattern. JavaScript's \s is not quite Unicode's white space, so that is named.
const GPT2 = /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

// A pair of ids as one number; ids stay far below 2 ** 20.
const key = (a, b) => a * 1048576 + b;

function vocabulary(merges) {
  const bytes = Array.from({ length: 256 }, (_, i) => [i]);
  const rank = new Map();
  for (let r = 0; r < merges.length / 2; r++) {
    const [a, b] = [merges[2 * r], merges[2 * r + 1]];
    rank.set(key(a, b), r);
    bytes.push([...bytes[a], ...bytes[b]]);
  }
  return { bytes, rank };
}

// One merge: the earliest-learned pair of a piece, joined from the left. Null when none is left.
function step(ids, rank, limit) {
  let best = limit;
  for (let i = 0; i + 1 < ids.length; i++) best = Math.min(best, rank.get(key(ids[i], ids[i + 1])) ?? limit);
  if (best === limit) return null;
  const out = [];
  for (let i = 0; i < ids.length; i++) {
    if (i + 1 < ids.length && rank.get(key(ids[i], ids[i + 1])) === best) { out.push(256 + best); i++; }
    else out.push(ids[i]);
  }
  return { ids: out, rank: best };
}

const cut = (text) => text.match(GPT2) ?? [];

// The tokens of a text after at most `steps` merges, taken in the order they were learned, and how many there are in all.
function tokenize(text, { rank }, size, steps = Infinity) {
  const pieces = cut(text).map((piece) => Array.from(new TextEncoder().encode(piece)));
  let done = 0, last = null;
  for (;;) {
    const next = pieces.map((ids) => step(ids, rank, size - 256));
    const best = Math.min(...next.map((n) => n?.rank ?? Infinity));
    if (best === Infinity || done >= steps) break;
    next.forEach((n, i) => { if (n?.rank === best) pieces[i] = n.ids; });
    done++;
    last = best;
  }
  return { ids: pieces.flat(), done, last };
}

const visible = (text) => text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "␣");

function spelling(bytes) {
  try {
    return visible(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes)));
  } catch {
    return bytes.map((b) => b.toString(16).padStart(2, "0")).join(" ");
  }
}

function render({ model, el }) {
  el.classList.add("feste-explorer");
  const group = `feste-explorer-${unique()}`;
  const vocab = vocabulary(model.get("merges"));
  let size = model.get("size");
  const input = element("textarea", { rows: 2, value: model.get("text"), spellcheck: false, maxLength: 2000 });
  const sizes = element("fieldset", {}, element("legend", { textContent: "Vocabulary" }), ...model.get("sizes").map((n) => {
    const radio = element("input", { type: "radio", name: group, value: n, checked: n === size });
    radio.addEventListener("change", () => { size = n; restart(); });
    return element("label", {}, radio, element("span", { textContent: n }));
  }));
  const slider = element("input", { type: "range", min: 0, max: 0, value: 0 });
  const stepLabel = element("span");
  const tokens = element("ol", { className: "feste-tokens" });
  tokens.setAttribute("aria-label", "Tokens");
  const summary = element("p", { className: "feste-summary" });
  summary.setAttribute("aria-live", "polite");

  const draw = () => {
    const steps = Number(slider.value);
    const { ids, last } = tokenize(input.value, vocab, size, steps);
    const total = new TextEncoder().encode(input.value).length;
    tokens.replaceChildren(...ids.map((id) => element("li", {},
      element("span", { className: "feste-piece", textContent: spelling(vocab.bytes[id]) }),
      element("span", { className: "feste-id", textContent: id }))));
    const joined = last === null ? "no merge yet" : `the last joined rule ${last + 1}, ${spelling(vocab.bytes[256 + last])}`;
    stepLabel.textContent = `Merges: ${steps} of ${slider.max} (${joined})`;
    summary.textContent = `${total} bytes, ${ids.length} tokens: ${ids.length ? (total / ids.length).toFixed(2) : "no"} bytes per token.`;
  };
  const restart = () => {
    slider.max = tokenize(input.value, vocab, size).done;
    slider.value = slider.max;
    draw();
  };
  input.addEventListener("input", restart);
  slider.addEventListener("input", draw);
  restart();
  el.replaceChildren(
    element("label", { className: "feste-wide" }, element("span", { textContent: "Your text" }), input),
    sizes,
    element("label", { className: "feste-wide" }, stepLabel, slider),
    tokens, summary,
  );
}

export default { render };
