// The layers as a table: sorted by a click on a head, narrowed by the search, copied as CSV or Markdown.

const CHUNK = 60;

const COLUMNS = [
  { key: "path", title: "layer", of: (row) => row.layer.path },
  { key: "operation", title: "operation", of: (row) => row.operation },
  { key: "output", title: "output", of: (row) => shape(row.figures.output), sort: (row) => row.figures.output.reduce((a, b) => a * b, 1), isNumber: true },
  { key: "params", title: "params", of: (row) => (row.params ? exact(row.params) : ""), sort: (row) => row.params, isNumber: true },
  { key: "macs", title: "MACs", of: (row) => (row.macs ? short(row.macs) : ""), sort: (row) => row.macs, isNumber: true, exact: (row) => row.macs },
  { key: "share", title: "share", of: (row) => row.share, sort: (row) => row.macs, isNumber: true },
  { key: "memory", title: "memory", of: (row) => binary(row.figures.bytes), sort: (row) => row.figures.bytes, isNumber: true, exact: (row) => row.figures.bytes },
  { key: "rf", title: "RF", of: (row) => row.field, sort: (row) => row.layer.field_size?.[0] ?? 0, isNumber: true },
];

class LayerTable {
  constructor(network, state) {
    this.network = network;
    this.state = state;
    this.sort = { key: null, turn: 0 };
    this.elements = new Map();
    this.heads = COLUMNS.map((column) => this.head(column));
    this.rowsElement = h("tbody");
    this.count = h("span.note");
    this.every = h("input", { type: "checkbox", onchange: () => this.read() });
    this.element = h("section.layers", { "aria-label": "Layers" },
      h("div.title", {}, h("h2", {}, "Layers"), this.count, h("span.space"),
        h("label.every", {}, this.every, " every operator"),
        h("button", { type: "button", onclick: () => this.copy(this.csv()) }, "copy CSV"),
        h("button", { type: "button", onclick: () => this.copy(this.markdown()) }, "copy Markdown")),
      h("div.scroll", { tabindex: -1 }, h("table", {}, h("thead", {}, h("tr", {}, this.heads)), this.rowsElement)));
    state.subscribe((_, changed) => this.update(changed));
  }

  head(column) {
    const button = h("button", { type: "button", onclick: () => this.sortBy(column.key) }, column.title);
    return h(`th${column.isNumber ? ".number" : ""}`, { scope: "col", "data-key": column.key }, button);
  }

  update(changed) {
    if (changed.has("sizes") || changed.has("figures")) this.read();
    else if (changed.has("filter")) this.arrange();
    if (changed.has("selected")) this.mark();
  }

  /** Makes the rows from the figures. */
  read() {
    const { layers, heads } = this.network;
    this.rows = this.every.checked ? layers.map((layer) => this.row(layer, [layer.index])) : this.headRows(layers, heads);
    this.elements.clear();
    this.arrange();
  }

  /** A row for each head, with the operators that are told in it. */
  headRows(layers, heads) {
    const members = new Map();
    heads.forEach((head, index) => (members.get(head) ?? members.set(head, []).get(head)).push(index));
    return [...members].map(([head, indices]) => this.row(layers[head], indices));
  }

  row(layer, indices) {
    const { figures } = this.state;
    const [params, macs] = [figures.of(indices, "params"), figures.of(indices, "macs")];
    const more = indices.slice(1).map((index) => this.network.layers[index].op);
    return {
      layer,
      indices,
      params,
      macs,
      operation: [times(layer.summary), ...more].join(" · "),
      figures: figures.layers[layer.index],
      share: macs ? percent(macs / (figures.macs || 1)) : "",
      field: figures.isAsWritten ? fieldOf(layer) : "",
    };
  }

  /** One click sorts, the largest first (texts from A), a second turns it round, a third restores. */
  sortBy(key) {
    const isSame = this.sort.key === key;
    this.sort = { key: isSame && this.sort.turn === 1 ? null : key, turn: isSame ? (this.sort.turn + 1) % 2 : 0 };
    this.arrange();
  }

  arranged() {
    const words = this.state.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = this.rows.filter((row) => words.every((word) => `${row.layer.path} ${row.operation}`.toLowerCase().includes(word)));
    const column = COLUMNS.find((one) => one.key === this.sort.key);
    if (!column) return kept;
    const turn = this.sort.turn ? -1 : 1;
    const of = column.sort ?? column.of;
    return kept.sort((a, b) => turn * (column.isNumber ? of(b) - of(a) : compareTexts(of(a), of(b))));
  }

  /** The rows in their order: the first at once, the others in the frames after. */
  arrange() {
    this.shown = this.arranged();
    this.count.textContent = `${exact(this.shown.length)} of ${exact(this.rows.length)} · click a heading to sort`;
    for (const head of this.heads) {
      const isSorted = head.dataset.key === this.sort.key;
      if (isSorted) head.setAttribute("aria-sort", this.ascends(head.dataset.key) ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
    this.rowsElement.replaceChildren();
    cancelAnimationFrame(this.waiting);
    this.append(0);
  }

  ascends(key) {
    return !COLUMNS.find((column) => column.key === key).isNumber === !this.sort.turn;
  }

  append(from, count = CHUNK) {
    const end = from + count;
    this.rowsElement.append(...this.shown.slice(from, end).map((row) => this.elementOf(row)));
    if (end < this.shown.length) this.waiting = requestAnimationFrame(() => this.append(end, 4 * count));
    else this.mark();
  }

  elementOf(row) {
    if (!this.elements.has(row)) this.elements.set(row, this.draw(row));
    return this.elements.get(row);
  }

  draw(row) {
    const { category, path, index } = row.layer;
    const cells = COLUMNS.map((column) => this.cell(column, row));
    return h(`tr.${category}`, { "data-layer": index, title: path, onclick: () => this.state.select(index) }, cells);
  }

  cell(column, row) {
    const text = column.of(row);
    if (column.key === "path") return h("th", { scope: "row" }, text.split(/(?<=\.)/).flatMap((part) => [h("wbr"), part]).slice(1));
    if (column.key === "share") return h("td.share", {}, text && [h("span", {}, text), bar(row.macs / this.state.figures.most)]);
    return h(`td${column.isNumber ? ".number" : ""}`, { title: column.exact && text ? exact(column.exact(row)) : null }, text);
  }

  mark() {
    this.rowsElement.querySelector("[aria-current]")?.removeAttribute("aria-current");
    const row = this.rows.find(({ indices }) => indices.includes(this.state.selected));
    const element = row && this.elements.get(row);
    element?.setAttribute("aria-current", "true");
    if (element?.isConnected && !element.matches(":hover")) element.scrollIntoView({ block: "nearest" });
  }

  /** The layer so many rows further in the order shown. */
  beside(distance) {
    const at = this.shown.findIndex(({ indices }) => indices.includes(this.state.selected));
    const next = at < 0 ? (distance > 0 ? 0 : this.shown.length - 1) : at + distance;
    return this.shown[Math.max(0, Math.min(this.shown.length - 1, next))]?.layer.index ?? null;
  }

  /** All rows as shown, with exact figures. */
  copied() {
    const names = ["layer", "operation", "output", "params", "macs", "bytes", "receptive_field"];
    const rows = this.shown.map((row) => [row.layer.path, row.operation, shape(row.figures.output), row.params, row.macs, row.figures.bytes, row.field]);
    return [names, ...rows.map((row) => row.map(String))];
  }

  csv() {
    const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    return this.copied().map((row) => `${row.map(quoted).join(",")}\n`).join("");
  }

  markdown() {
    const [names, ...rows] = this.copied().map((row) => row.map((text) => text.replace(/[\\|`*<_]/g, "\\$&")));
    const lines = [names, names.map((_, index) => (index > 2 ? "---:" : "---")), ...rows];
    return lines.map((row) => `| ${row.join(" | ")} |\n`).join("");
  }

  async copy(text) {
    await copyText(text);
    this.count.textContent = `copied ${exact(this.shown.length)} rows`;
  }
}

function compareTexts(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** One number where the axes agree; nothing where the field is the whole input. */
function fieldOf({ field_size: size, field_status: status }) {
  if (!size || status === "whole input") return "";
  return (status === "bound" ? "≤ " : "") + [...new Set(size)].join("×");
}

/** To the clipboard; where a page may not write there, by a field that is selected and copied. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = h("textarea", {}, text);
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}
