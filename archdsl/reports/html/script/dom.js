// Elements. Text is always put in as text, so that no name from a spec is read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** `h("button.row", { title, onclick }, ...children)`. What is undefined, null or false is left out. */
function h(selector, ...parts) {
  const [tag, ...classes] = selector.split(".");
  return filled(document.createElement(tag), classes, parts);
}

function svg(selector, ...parts) {
  const [tag, ...classes] = selector.split(".");
  return filled(document.createElementNS(SVG, tag), classes, parts);
}

function filled(element, classes, parts) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const part of parts.flat(Infinity).filter(isThere)) {
    if (part.constructor === Object) set(element, part);
    else element.append(part);
  }
  return element;
}

function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (!isThere(value)) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
}

function isThere(value) {
  return value !== undefined && value !== null && value !== false;
}

/** Scrolls to an element where areas scroll by themselves; a page as a whole stays where its reader has it. */
function reveal(element) {
  if (document.body.clientHeight <= innerHeight) element.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** Strips and bars in the colour of a kind of layers. */
function coloured(kind) {
  return { style: `--strip:var(--${kind})` };
}

/** A bar for a share from 0 to 1. */
function bar(share, label) {
  const fill = h("i");
  fill.style.width = `${max(share > 0 ? 2 : 0, 100 * share)}%`;
  return h("span.bar", { title: label }, fill);
}

/** An area of the page: at first, and whenever the state changes, it is told what has. */
class Panel {
  constructor(state) {
    this.state = state;
    this.network = state.network;
  }

  get figures() {
    return this.state.figures;
  }
}

/** Whether a person is writing into a field, where keys are letters. */
function isField(element) {
  return element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement;
}
