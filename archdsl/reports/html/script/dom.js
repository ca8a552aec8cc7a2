// Elements. Text is always put in as text, so that no name from a spec is read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** `h("button.row", { title, onclick }, ...children)`. Properties that are undefined, null or false are left out. */
function h(selector, properties = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  return filled(document.createElement(tag || "div"), classes, properties, children);
}

function svg(selector, properties = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  return filled(document.createElementNS(SVG, tag), classes, properties, children);
}

function filled(element, classes, properties, children) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** A bar for a share from 0 to 1. */
function bar(share, label) {
  const fill = h("i");
  fill.style.width = `${Math.max(share > 0 ? 2 : 0, 100 * share)}%`;
  return h("span.bar", label ? { title: label } : {}, fill);
}

/** Whether a person is writing into a field, where keys are letters. */
function isField(element) {
  return element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement;
}
