// The layers as a table: sorted by a click on a head, narrowed by the search, copied as CSV or Markdown.

const CHUNK = 60;

/** Fields of rows; after the first two they are numbers, or are sorted as these. */
const COLUMNS = [
  { key: "path", title: "layer" },
  { key: "operation" },
  { key: "output", text: shape, value: (row) => product(row.output) },
  { key: "params", text: exact },
  { key: "macs", title: "MACs", text: short, exact },
  { key: "share", text: percent },
  { key: "memory", text: binary, exact },
  { key: "rf", title: "RF", value: (row) => row.layer.field_size?.[0] ?? 0 },
].map((column, index) => ({ title: column.key, text: String, value: (row) => row[column.key], isNumber: index > 1, ...column }));

class LayerTable extends Panel {
  constructor(state) {
    super(state);
    this.sort = {};
    this.elements = new Map();
    this.heads = COLUMNS.map((column) => this.head(column));
    this.rowsElement = h("tbody");
    this.count = h("span.note");
    this.every = h("input", { type: "checkbox", onchange: () => this.read() });
    this.element = this.section("layers", "Layers", [this.count, h("span.space"),
      h("label.every", this.every, " every operator"),
      h("button", { onclick: () => this.copy(this.csv()) }, "copy CSV"),
      h("button", { onclick: () => this.copy(this.markdown()) }, "copy Markdown")],
    h("div.scroll", { tabindex: -1 }, h("table", h("thead", h("tr", this.heads)), this.rowsElement)));
    state.subscribe(this);
  }

  head(column) {
    const button = h("button", { onclick: () => this.sortBy(column) }, column.title);
    return h(`th${column.isNumber ? ".number" : ""}`, { scope: "col", "data-key": column.key }, button);
  }

  update(changed) {
    if (changed.has("sizes")) this.read();
    else if (changed.has("filter")) this.arrange();
    if (changed.has("selected")) this.mark();
  }

  /** Makes the rows from the figures: one for each head, with the operators that are told in it, or one for every operator. */
  read() {
    const { layers, heads } = this.network;
    const told = Map.groupBy(range(0, layers.length), (index) => (this.every.checked ? index : heads[index]));
    this.rows = [...told].map(([head, indices]) => this.row(layers[head], indices));
    this.elements.clear();
    this.arrange();
  }

  row(layer, indices) {
    const { figures } = this;
    const [params, macs] = [figures.of(indices, "params"), figures.of(indices, "macs")];
    const more = indices.slice(1).map((index) => this.network.layers[index].op);
    const { output, bytes } = figures.layers[layer.index];
    const operation = [times(layer.summary), ...more].join(" · ");
    return {
      layer,
      indices,
      path: layer.path,
      operation,
      text: sought([layer.path, operation, ...layer.calls.map(({ block }) => block)].join(" ")),
      output,
      params,
      macs,
      share: macs && macs / figures.macs,
      memory: bytes,
      rf: figures.isAsWritten ? fieldOf(layer) : "",
    };
  }

  /** One click sorts, the largest first (texts from A), a second turns it round, a third restores. */
  sortBy(column) {
    const isSame = this.sort.column === column;
    this.sort = isSame && this.sort.isTurned ? {} : { column, isTurned: isSame };
    this.arrange();
  }

  arranged() {
    const words = sought(this.state.filter).split(/\s+/).filter(Boolean);
    const kept = this.rows.filter(({ text }) => words.every((word) => text.includes(word)));
    const { column, isTurned } = this.sort;
    if (!column) return kept;
    const of = column.value;
    const turn = isTurned ? -1 : 1;
    return kept.sort((a, b) => turn * (column.isNumber ? of(b) - of(a) : compareTexts(of(a), of(b))));
  }

  /** The rows in their order: those of a screen at once, the others when these are painted. */
  arrange() {
    this.shown = this.arranged();
    this.count.textContent = `${exact(this.shown.length)} of ${exact(this.rows.length)} · click a heading to sort`;
    const { column, isTurned } = this.sort;
    this.heads.forEach((head, index) => {
      head.removeAttribute("aria-sort");
      if (COLUMNS[index] === column) set(head, { "aria-sort": column.isNumber === isTurned ? "ascending" : "descending" });
    });
    this.rowsElement.replaceChildren();
    this.rowsElement.setAttribute("aria-busy", true);
    this.append(this.shown, 0);
  }

  append(rows, from, count = CHUNK) {
    if (rows !== this.shown) return;
    const end = from + count;
    this.rowsElement.append(...rows.slice(from, end).map((row) => this.elementOf(row)));
    if (end < rows.length) return afterPaint(() => this.append(rows, end, 4 * count));
    this.rowsElement.removeAttribute("aria-busy");
    this.mark();
  }

  elementOf(row) {
    if (!this.elements.has(row)) this.elements.set(row, this.draw(row));
    return this.elements.get(row);
  }

  draw(row) {
    const { category, path, index } = row.layer;
    const cells = COLUMNS.map((column) => this.cell(column, row));
    return h("tr", coloured(category), { title: path, onclick: () => this.state.select(index) }, cells);
  }

  cell({ key, text, exact, isNumber }, row) {
    const said = row[key] ? text(row[key]) : "";
    if (key === "path") return h("th", { scope: "row" }, said.split(/(?<=\.)/).flatMap((part) => [h("wbr"), part]).slice(1));
    if (key === "share") return h("td.share", said && [h("span", said), bar(row.macs / this.figures.most)]);
    return h(`td${isNumber ? ".number" : ""}`, { title: said && exact?.(row[key]) }, said);
  }

  mark() {
    const row = this.rows.find(({ indices }) => indices.includes(this.state.selected));
    choose(this.rowsElement, this.elements.get(row));
  }

  /** The layer of the first row shown. */
  get first() {
    return this.shown[0]?.layer.index ?? null;
  }

  /** The layer so many rows further in the order shown. */
  beside(distance) {
    const at = this.shown.findIndex(({ indices }) => indices.includes(this.state.selected));
    const next = at < 0 ? (distance > 0 ? 0 : this.shown.length - 1) : at + distance;
    return this.shown[max(0, min(this.shown.length - 1, next))]?.layer.index ?? null;
  }

  /** All rows as shown, with exact figures. */
  copied() {
    const names = ["layer", "operation", "output", "params", "macs", "bytes", "receptive_field"];
    const rows = this.shown.map(({ path, operation, output, params, macs, memory, rf }) => [path, operation, shape(output), params, macs, memory, rf]);
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

  copy(text) {
    const say = (words) => () => (this.count.textContent = words);
    navigator.clipboard.writeText(text).then(say(`copied ${exact(this.shown.length)} rows`), say("the browser does not allow it"));
  }
}

/** A text as the search compares it: `conv 1x1` is the spelling of the language. */
function sought(text) {
  return text.toLowerCase().replaceAll("×", "x");
}

function compareTexts(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
