// Small helpers that the widgets share: elements, numbers in words.

export const element = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

export const drawn = (tag, attributes = {}, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

// Radio buttons of one name belong together, in the whole page: each widget needs names of its own.
export const unique = () => crypto.getRandomValues(new Uint32Array(1))[0].toString(36);

// Four digits are enough for an eye; thousands are set apart.
export function inWords(x) {
  if (x === 0 || x === null || x === undefined) return x === 0 ? "0" : "";
  const size = Math.abs(x);
  if (size >= 10000) return Math.round(x).toLocaleString("en");
  return size < 0.001 ? x.toExponential(1) : String(Number(x.toPrecision(4)));
}
