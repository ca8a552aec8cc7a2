// The head of the page: figures, claims, the search, and the fields for the batch and the sizes that are open.

class Header extends Panel {
  constructor(state, { isPage }) {
    super(state);
    this.totals = h("dl.figures");
    this.problem = h("output.problem");
    this.search = h("input", { type: "search", placeholder: "find a layer  /", "aria-label": "Find a layer",
      oninput: () => state.set({ filter: this.search.value }) });
    this.foldButton = h("button", { onclick: () => state.foldAll() }, "fold all");
    const theme = h("button", { onclick: () => this.turnTheme() }, "light / dark");
    this.element = h("header", h("h1", this.network.network), this.totals, this.claims(), h("span.space"),
      Object.keys(state.sizes).map((name) => this.field(name)), this.problem, isPage && this.search, this.foldButton, isPage && theme);
    state.subscribe(this);
  }

  update(changed) {
    this.foldButton.hidden = !this.network.groups.length;
    if (changed.has("open")) this.foldButton.textContent = this.state.areAllFolded ? "unfold" : "fold all";
    if (changed.has("sizes")) this.count();
  }

  count() {
    const { params, macs, peak, isAsWritten } = this.figures;
    const figures = [
      [exact(params), "params"],
      [short(macs), "MACs", exact(macs)],
      [peak ? binary(peak.bytes) : "–", "activation peak", peak ? `${exact(peak.bytes)} bytes` : "not known for these sizes"],
    ];
    this.totals.replaceChildren(...figures.map(([value, name, title]) => h("div", { title }, h("dd", value), h("dt", name))));
    this.list?.classList.toggle("stale", !isAsWritten);
  }

  /** A number field for the batch or an open size. What does not fit is said, and changes nothing. */
  field(name) {
    const input = h("input", { type: "number", min: 1, value: this.state.sizes[name], "aria-label": name === "N" ? "Batch size" : `Size ${name}`,
      oninput: () => this.resize() });
    input.dataset.size = name;
    return h("label.size", { title: name === "N" ? "samples in a batch" : "an open size of the spec" }, h("span", name), input);
  }

  resize() {
    const fields = [...this.element.querySelectorAll("[data-size]")];
    const sizes = Object.fromEntries(fields.map((field) => [field.dataset.size, Number(field.value)]));
    const problem = misfit(this.network, sizes);
    this.problem.textContent = problem ?? "";
    for (const field of fields) field.setAttribute("aria-invalid", problem !== null);
    if (!problem) this.state.set({ sizes });
  }

  claims() {
    const { claims } = this.network;
    if (!claims.length) return null;
    const failing = claims.filter((claim) => !claim.holds).length;
    const summary = h(`summary${failing ? ".fails" : ".holds"}`, h("b", `${claims.length - failing} / ${claims.length}`), h("span", "claims hold"));
    this.list = h("details.claims", summary, h("ul", claims.map((claim) => this.claim(claim))));
    return this.list;
  }

  claim({ text, holds, disputed, value, source }) {
    const found = Array.isArray(value) ? `[${value.join(", ")}]` : Number.isInteger(value) ? exact(value) : String(value ?? "");
    return h(`li${holds ? ".holds" : ".fails"}`, h("b", holds ? (disputed ? "disputed" : "ok") : "fails"),
      h("div", h("code", `${disputed ? "dispute " : ""}${text}`), found && h("span.found", found), source && h("span.note", source)));
  }

  /** Follows the system until it is pressed. */
  turnTheme() {
    const { style } = document.documentElement;
    const isDark = style.colorScheme ? style.colorScheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    style.colorScheme = isDark ? "light" : "dark";
  }
}
