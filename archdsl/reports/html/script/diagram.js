// The network as nested boxes: a run is a table of rows, a scope a box with a head, a merge a row of arms. CSS lays it out.

class Diagram extends Panel {
  constructor(state) {
    super(state);
    this.places = new Map();
    this.boxes = new Map();
    this.figured = [];
    this.forks = [];
    this.withLanes = [];
    this.body = this.drawBody(this.network.diagram, null);
    this.element = h("section.diagram", { "aria-label": "Diagram" }, this.body);
    this.lanes = new Lanes(this);
    state.subscribe(this);
  }

  update(changed) {
    if (changed.has("open")) this.fold();
    if (changed.has("sizes")) for (const refresh of this.figured) refresh();
    if (changed.has("selected") || changed.has("open")) this.mark();
    if (changed.has("open") || changed.has("sizes")) this.lanes.soon();
  }

  fold() {
    for (const [group, box] of this.boxes) {
      const isOpen = this.state.open.has(group);
      box.head.setAttribute("aria-expanded", isOpen);
      if (isOpen && !box.body) box.element.append((box.body = this.drawBody(group.body, group)));
      if (box.body) box.body.hidden = !isOpen;
    }
  }

  mark() {
    this.element.querySelectorAll("[aria-current]").forEach((element) => element.removeAttribute("aria-current"));
    if (this.state.selected === null) return;
    const { part } = this.network.itemOf.get(this.network.shown(this.state.selected)) ?? {};
    const element = this.places.get(part);
    element?.setAttribute("aria-current", "true");
    if (element) reveal(element);
  }

  /** Runs now, and again whenever figures change. */
  figure(refresh) {
    this.figured.push(refresh);
    refresh();
  }

  drawBody(body, group) {
    const element = h("div.body", this.drawSteps(body.steps));
    if (body.lanes) this.withLanes.push({ element, lanes: body.lanes, group });
    return element;
  }

  drawSteps(steps) {
    return steps.map((item) => h(`div.step${item.follows ? ".follows" : ""}`, this.draw(item)));
  }

  draw(item) {
    const element = this[`draw_${item.is}`](item);
    if (item.key !== undefined) this.places.set(item.key, element);
    return element;
  }

  draw_terminal({ name }) {
    const output = h("span.shape");
    this.figure(() => (output.textContent = shape(this.terminalShape(name))));
    return h("div.terminal", h("b", name), " ", output);
  }

  /** Of an input as the document has it, or of the layer that makes an output. */
  terminalShape(name) {
    const maker = this.network.byPath.get(this.network.made_by[name]);
    if (maker !== undefined) return this.figures.layers[maker].output;
    const input = this.network.inputs.find((one) => one.name === (this.network.made_by[name] ?? name));
    if (this.figures.isAsWritten) return input.shape;
    return this.network.for_all.inputs[input.name].map((size) => valueOf(size, this.figures.values));
  }

  draw_card({ heading, note, rows }) {
    const head = heading && h("div.heading", h("b", heading), note && h("span", note));
    return h("div.card", head, rows.map((row) => this.drawRow(row)));
  }

  drawRow(row) {
    const [output, params, work] = [h("span.shape"), h("span.params"), h("span.work")];
    this.figure(() => this.fillRow(row, output, params, work));
    const isMark = ([text]) => /^[↓↑×]/.test(text);
    const all = row.words ?? [];
    const marks = all.filter(isMark).map(([text]) => ` ${text}`);
    const words = spans(all.filter((word) => !isMark(word))).map((word, index) => [index ? " · " : "", word]);
    const element = this.button("row", row.layers, coloured(row.kind),
      h("span.name", row.name), h("b.text", row.text, marks), h("span.words", words), output, params, work);
    this.places.set(row, element);
    return element;
  }

  /** What chooses the first of its layers. */
  button(kind, [first], ...children) {
    return h(`button.${kind}`, { tabindex: -1, title: this.network.layers[first]?.path, onclick: () => this.state.select(first) }, children);
  }

  fillRow(row, output, params, work) {
    const { figures } = this;
    const [count, macs] = [figures.of(row.layers, "params"), figures.of(row.layers, "macs")];
    output.textContent = row.change ? this.shapeOf(row.layers) : "";
    params.textContent = count ? short(count) : "";
    work.replaceChildren(macs ? bar(macs / figures.mostOfRow, `${exact(macs)} MACs`) : "");
  }

  /** What the last of some layers makes. */
  shapeOf(layers) {
    return layers.length ? shape(this.figures.layers[layers.at(-1)].output) : "";
  }

  draw_merge({ text, words, layers }) {
    return this.button("merge", layers, h("b", text), spans(words).map((word) => [" ", word]));
  }

  draw_bar({ text, words, labels, is_split, layers }) {
    const output = h("span.shape");
    this.figure(() => (output.textContent = is_split ? "" : this.shapeOf(layers)));
    const parts = h("span.parts", (labels ?? []).map((label) => {
      const part = h("i", label);
      part.style.flexGrow = Number(label) || 1;
      return part;
    }));
    return this.button("concat", layers, h("span.label", h("b", text), spans(words).map((word) => [" ", word]), " ", output), parts);
  }

  draw_group(group) {
    const { title, call, repeat, kind } = group;
    const [output, params, share] = [h("span.shape"), h("span.params"), h("span.work")];
    const head = h("button.head", { "aria-expanded": "false", onclick: () => this.state.toggle(group) },
      h("span.twist", { "aria-hidden": "true" }), h("b", title),
      repeat > 1 && h("span.times", { title: `stands for ${exact(repeat)} alike` }, `×${exact(repeat)}`), h("span.call", { title: call }, call ?? ""), output, params, share);
    this.figure(() => this.fillHead(group, output, params, share));
    const element = h(`section.group.${kind}`, head);
    this.boxes.set(group, { element, head });
    return element;
  }

  fillHead(group, output, params, share) {
    const { figures } = this;
    const layers = group.spans.flatMap(([start, end]) => range(start, end));
    const macs = figures.of(layers, "macs");
    const count = figures.of(layers, "params");
    output.textContent = this.shapeOf(layers);
    params.textContent = count ? short(count) : "";
    share.replaceChildren(macs ? bar(macs / figures.macs, `${percent(macs / figures.macs)} of all MACs`) : "");
  }

  draw_parallel({ arms, join }) {
    const main = max(...arms.map((arm) => arm.steps.length && heightOf(arm.steps, this.state.open)));
    const columns = arms.map((arm) => this.drawArm(arm, heightOf(arm.steps, this.state.open) < main));
    const joined = join && h("div.step", this.draw(join));
    const lines = { fork: h("i.fork"), join: h("i.join") };
    const element = h(`div.arms${arms.length > 2 ? ".many" : ""}`, columns, lines.fork, join && lines.join);
    this.forks.push({ element, columns, lines });
    return h("div.parallel", element, joined);
  }

  drawArm({ steps, enters, feeds, words }, isBeside) {
    const inside = steps.length ? [words && h("span.part", words), this.drawSteps(steps)] : h("span.identity", words ?? "identity");
    const classes = `${enters ? ".enters" : ""}${feeds ? ".feeds" : ""}${steps.length ? "" : ".empty"}${isBeside ? ".beside" : ""}`;
    return h(`div.arm${classes}`, h("i.in"), inside, h("i.out"));
  }
}

function spans(words = []) {
  return words.map(([text, kind]) => h("span", { class: kind }, text));
}
