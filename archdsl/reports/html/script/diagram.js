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
    choose(this.element, this.places.get(this.network.partOf(this.state.selected)));
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
    const isMark = ([text]) => /^[↓↑×]/.test(text);
    const all = row.words ?? [];
    const marks = all.filter(isMark).map(([text]) => ` ${text}`);
    const words = spans(all.filter((word) => !isMark(word))).map((word, index) => [index ? " · " : "", word]);
    const element = this.button("row", row.layers, coloured(row.kind),
      h("span.name", row.name), h("b.text", row.text, marks), h("span.words", words),
      this.counts(row.layers, row.change, (macs) => bar(macs / this.figures.mostOfRow, `${exact(macs)} MACs`)));
    this.places.set(row, element);
    return element;
  }

  /** What some layers make, where that is to be shown, their parameters, and a bar for their work. */
  counts(layers, isShown, barOf) {
    const cells = ["shape", "params", "work"].map((name) => h(`span.${name}`));
    this.figure(() => {
      const [params, macs] = ["params", "macs"].map((figure) => this.figures.of(layers, figure));
      const said = [isShown ? this.shapeOf(layers) : "", params ? short(params) : "", macs ? barOf(macs) : ""];
      cells.forEach((cell, index) => cell.replaceChildren(said[index]));
    });
    return cells;
  }

  /** What chooses the first of its layers. */
  button(kind, [first], ...children) {
    return h(`button.${kind}`, { tabindex: -1, title: this.network.layers[first]?.path, onclick: () => this.state.select(first) }, children);
  }

  /** What the last of some layers makes. */
  shapeOf(layers) {
    return layers.length ? shape(this.figures.layers[layers.at(-1)].output) : "";
  }

  draw_merge({ text, words, layers }) {
    return this.button("merge", layers, told(text, words));
  }

  draw_bar({ text, words, labels, is_split, layers }) {
    const output = h("span.shape");
    this.figure(() => (output.textContent = is_split ? "" : this.shapeOf(layers)));
    const parts = (labels ?? []).map((label) => h("i", { style: `flex-grow:${Number(label) || 1}` }, label));
    return this.button("concat", layers, h("span.label", told(text, words), " ", output), h("span.parts", parts));
  }

  draw_group(group) {
    const { title, call, repeat, kind, spans } = group;
    const layers = spans.flatMap(([start, end]) => range(start, end));
    const head = h("button.head", { "aria-expanded": "false", onclick: () => this.state.toggle(group) },
      h("span.twist", { "aria-hidden": "true" }), h("b", title),
      repeat > 1 && h("span.times", { title: `stands for ${exact(repeat)} alike` }, `×${exact(repeat)}`), h("span.call", { title: call }, call ?? ""),
      this.counts(layers, true, (macs) => bar(macs / this.figures.macs, `${percent(macs / this.figures.macs)} of all MACs`)));
    const element = h(`section.group.${kind}`, head);
    this.boxes.set(group, { element, head });
    return element;
  }

  draw_parallel({ arms, join }) {
    const heights = arms.map((arm) => heightOf(arm.steps, this.state.open));
    const columns = arms.map((arm, index) => this.drawArm(arm, heights[index] < max(...heights)));
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

/** The text of a merge with the operators that follow it in its place. */
function told(text, words) {
  return [h("b", text), spans(words).map((word) => [" ", word])];
}

function spans(words = []) {
  return words.map(([text, kind]) => h("span", { class: kind }, text));
}
