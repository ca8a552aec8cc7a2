// Elements. Text is always put in as text, so that no name from a spec is read as markup.

/** `h("button.row", { title, onclick }, ...children)`, and `svg` for parts of a picture. What is undefined, null or false is left out. */
const [h, svg] = ["1999/xhtml", "2000/svg"].map((space) => (selector, ...parts) => {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElementNS(`http://www.w3.org/${space}`, tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const part of parts.flat(Infinity).filter(isThere)) {
    if (part.constructor === Object) set(element, part);
    else element.append(part);
  }
  return element;
});

function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (!isThere(value)) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
}

function isThere(value) {
  return (value ?? false) !== false;
}

/** Marks the one element of an area that is chosen, if any, and scrolls to it; a page that scrolls as a whole stays where it is. */
function choose(area, element) {
  area.querySelector("[aria-current]")?.removeAttribute("aria-current");
  if (!element) return;
  set(element, { "aria-current": true });
  const isSeen = !element.isConnected || element.matches(":hover") || document.body.clientHeight > innerHeight;
  if (!isSeen) element.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** Strips and bars in the colour of a kind of layers. */
function coloured(kind) {
  return { style: `--strip:var(--${kind})` };
}

/** A bar for a share from 0 to 1. */
function bar(share, title) {
  return h("span.bar", { title }, h("i", { style: `width:${max(share > 0 ? 2 : 0, 100 * share)}%` }));
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

  /** The area under its title, beside which more may stand. */
  section(kind, title, beside, ...parts) {
    return h(`section.${kind}`, { "aria-label": title }, h("div.title", h("h2", title), beside), parts);
  }
}

/** An object with each value changed. */
function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));
}
