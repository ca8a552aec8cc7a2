// Memory while it runs: the steps on x, the bytes alive on y. In inference blue is what the step reads and writes, amber what
// is held for later; of a training step the phases.

const [LEFT, RIGHT, TOP, BOTTOM] = [62, 8, 20, 174];
const HEIGHT = 196;
const PHASES = ["zero_grad", "forward", "loss", "backward", "optimizer"];

class MemoryChart extends Panel {
  constructor(state) {
    super(state);
    this.note = h("span.note");
    this.legend = h("div.legend", { "aria-hidden": "true" });
    this.text = h("p.reading", { "aria-live": "polite" });
    this.plot = h("div.plot");
    this.inPlace = h("button.switch", { title: "whether activations overwrite what they read, as the generated code does",
      onclick: () => state.set({ isInPlace: !state.isInPlace, sizes: state.sizes }) }, "in place");
    this.switches = this.network.memory.training ? ["inference", "training"].map((mode) => this.switchTo(mode)) : [];
    this.element = this.section("chart", "Memory while it runs", [h("span.space"), this.inPlace, this.switches],
      h("div.title", this.note, h("span.space"), this.legend), this.plot, this.text);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.plot);
    state.subscribe(this);
  }

  switchTo(mode) {
    return h("button.switch", { "data-mode": mode, onclick: () => this.state.set({ mode }) }, mode);
  }

  update(changed) {
    const { mode, isInPlace } = this.state;
    for (const button of this.switches) set(button, { "aria-pressed": String(button.dataset.mode === mode) });
    set(this.inPlace, { "aria-pressed": String(isInPlace) });
    this.inPlace.hidden = mode === "training" || !this.network.storages.some(({ copies }) => copies.length);
    if (changed.has("mode") || changed.has("sizes")) this.read();
    else if (changed.has("selected")) this.mark();
  }

  /** Takes the moments to show from the figures. */
  read() {
    this.moments = this.state.mode === "training" ? this.trainingMoments() : this.inferenceMoments();
    this.peak = this.moments && peakOf(this.moments);
    this.sections = this.moments && this.sectionsFound();
    this.note.textContent = this.noted();
    this.drawLegend();
    this.draw();
  }

  inferenceMoments() {
    const { timeline } = this.figures;
    return timeline && timeline.map((moment) => ({ ...moment, name: this.network.layers[moment.layer].path }));
  }

  /** What is there throughout is left out, as in inference. */
  trainingMoments() {
    const { figures, network } = this;
    const moments = figures.training;
    if (!moments) return null;
    const { optimizer_state: state, target } = network.memory.training;
    const perSample = (network.memory.inputs + target) / network.batch;
    this.throughout = network.memory.parameters + network.memory.buffers + state + perSample * figures.batch;
    return moments.map((moment) => ({ ...moment, bytes: moment.bytes - this.throughout, name: network.layers[moment.layer]?.path ?? moment.layer }));
  }

  noted() {
    const { figures, network } = this;
    const { parameters, buffers } = network.held;
    const { training } = network.memory;
    if (!this.moments) return `not known for ${figures.setting}: write the report for these sizes`;
    const steps = `${exact(this.moments.length)} steps`;
    if (this.state.mode === "training") {
      return `${steps} · ${figures.setting} · ${training.precision} · ${training.optimizer}, ${training.status} · held throughout and not drawn: ${binary(this.throughout)}`;
    }
    const inputs = figures.inputs === null ? "" : ` and inputs (${binary(figures.inputs)})`;
    return `${steps} · ${figures.setting} · ${network.memory.precision} · weights (${binary(parameters + buffers)})${inputs} not drawn`;
  }

  draw() {
    const width = this.plot.clientWidth;
    this.plot.replaceChildren();
    this.cursor = null;
    this.text.textContent = this.spoken();
    if (!this.moments?.length || width < 120) return;
    this.width = width - LEFT - RIGHT;
    this.scale = (BOTTOM - TOP) / niceTop(this.peak.bytes);
    this.cursor = svg("rect.cursor", { y: TOP, height: BOTTOM - TOP, width: 0 });
    this.plot.append(svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": this.spoken(),
      onpointermove: (event) => this.point(event), onpointerleave: () => this.mark(), onclick: (event) => this.click(event) },
    this.grid(), this.labels(), this.areas(), this.cursor, this.peakMark()));
    this.placePeak();
    this.mark();
  }

  x(step) {
    return LEFT + ((step - 1) / this.moments.length) * this.width;
  }

  y(bytes) {
    return BOTTOM - bytes * this.scale;
  }

  grid() {
    const top = niceTop(this.peak.bytes);
    const [unit, name] = unitOf(this.peak.bytes);
    return range(0, 5).map((quarter) => {
      const bytes = (top * quarter) / 4;
      const y = this.y(bytes);
      return [svg("line.grid", { x1: LEFT, x2: LEFT + this.width, y1: y, y2: y }),
        svg("text.tick", { x: LEFT - 6, y: y + 4 }, `${Number((bytes / unit).toPrecision(3))} ${name}`)];
    });
  }

  /** The outermost scopes, or the phases of a step, under where they begin; those that have no room are left out. */
  labels() {
    let free = 0;
    return this.sections.map(({ name, step }, index) => {
      const [x, end] = [step, this.sections[index + 1]?.step ?? this.moments.length + 1].map((one) => this.x(one));
      const line = svg("line.grid", { x1: x, x2: x, y1: TOP, y2: BOTTOM });
      if (x < free || end - x < 14 || x + name.length * 6.5 > LEFT + this.width + 6) return [line];
      free = x + name.length * 6.5 + 10;
      return [line, svg("text.section", { x: x + 2, y: HEIGHT - 7 }, name)];
    });
  }

  /** Of the scopes those of the outermost level that has several. */
  sectionsFound() {
    const levels = [1, 2, 3].map((depth) => this.sectionsOf(depth));
    return levels.find((sections) => sections.length > 2) ?? levels[0];
  }

  sectionsOf(depth) {
    const found = [];
    for (const { name, step, phase } of this.moments) {
      const section = phase ?? name.split(".").slice(0, -1).slice(0, depth).join(".");
      if (section && found.at(-1)?.name !== section) found.push({ name: section, step });
    }
    return found;
  }

  areas() {
    if (this.state.mode === "training") {
      return PHASES.map((phase) => svg(`path.${phase}`, { d: this.area((moment) => (moment.phase === phase ? moment.bytes : 0)) }));
    }
    return [svg("path.used", { d: this.area((moment) => moment.bytes) }),
      svg("path.held", { d: this.area((moment) => moment.bytes - moment.used) })];
  }

  /** Steps as a filled outline, with a point only where the height changes. */
  area(heightOf) {
    let path = `M${this.x(1)},${this.y(0)}`;
    let before = 0;
    for (const moment of this.moments) {
      const height = heightOf(moment);
      if (height !== before) path += `H${this.x(moment.step).toFixed(1)}V${this.y(height).toFixed(1)}`;
      before = height;
    }
    return `${path}H${this.x(this.moments.length + 1)}V${this.y(0)}Z`;
  }

  peakMark() {
    const [x, y] = [this.x(this.peak.step + 0.5), this.y(this.peak.bytes)];
    return [svg("circle.peak", { cx: x, cy: y, r: 4 }), svg("text.peak", { y: y - 7 }, this.peakText(this.peak.name))];
  }

  peakText(name) {
    return `peak ${binary(this.peak.bytes)}: ${name}`;
  }

  /** Puts the text of the peak above all bytes, from the peak on or as far before it as it must; of a long name the end is shown. */
  placePeak() {
    const text = this.plot.querySelector("text.peak");
    const { name } = this.peak;
    for (let start = 1; start < name.length && text.getComputedTextLength() > this.width; start++) {
      text.textContent = this.peakText(`…${name.slice(start)}`);
    }
    set(text, { x: max(LEFT, min(this.x(this.peak.step), LEFT + this.width - text.getComputedTextLength())) });
  }

  drawLegend() {
    const words = this.state.mode === "training" ? { forward: "forward", backward: "backward" }
      : { used: "read or written by the step", held: "held for later" };
    this.legend.replaceChildren(...Object.entries(words).map(([kind, text]) => h("span", h("i", { class: kind }), text)));
  }

  spoken() {
    if (!this.moments?.length) return "";
    return `Peak of ${exact(this.peak.bytes)} bytes at step ${exact(this.peak.step)} of ${exact(this.moments.length)}: ${this.peak.name}.`;
  }

  momentAt(event) {
    const x = event.clientX - this.plot.getBoundingClientRect().left - LEFT;
    const index = floor((x / this.width) * this.moments.length);
    return this.moments[max(0, min(this.moments.length - 1, index))];
  }

  point(event) {
    const moment = this.momentAt(event);
    this.show(moment);
    const held = moment.used === undefined ? "" : `, of these ${binary(moment.bytes - moment.used)} held`;
    const phase = moment.phase ? `${moment.phase}, ` : "";
    this.text.textContent = `Step ${exact(moment.step)}: ${phase}${moment.name}, ${binary(moment.bytes)}${held}.`;
  }

  click(event) {
    const { layer } = this.momentAt(event);
    if (this.network.layers[layer]) this.state.select(layer);
  }

  /** Marks a moment, or none. */
  show(moment) {
    set(this.cursor, moment ? { x: this.x(moment.step), width: max(2, this.width / this.moments.length) } : { width: 0 });
  }

  /** The selected layer, where it runs. */
  mark() {
    if (!this.cursor) return;
    this.text.textContent = this.spoken();
    const moment = this.moments?.find(({ layer }) => layer === this.state.selected && layer !== null);
    this.show(moment);
  }
}

/** The least of 1, 1.2, 1.6, 2, 3, 4, 6, 8 times a power of two or ten that is not below. */
function niceTop(bytes) {
  const [unit] = unitOf(bytes);
  const power = 10 ** floor(Math.log10(max(bytes, 1) / unit));
  const steps = [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12].map((step) => step * power * unit);
  return steps.find((top) => top >= bytes * 1.04) ?? bytes * 1.1;
}
