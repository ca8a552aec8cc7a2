// The receptive field of one unit of the selected layer on the input; dragging or the arrow keys choose another unit.

const SIDE = 176;
const EDGE = 10;
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

class ReceptiveField extends Panel {
  constructor(state) {
    super(state);
    this.input = this.network.inputs.find((input) => positions(input).length) ?? this.network.inputs[0];
    this.note = h("span.note");
    this.caption = h("p.reading", { "aria-live": "polite" });
    this.plot = h("div.plot");
    this.element = this.section("field", "Receptive field", null, this.note, this.plot, this.caption);
    state.subscribe(this);
  }

  update(changed) {
    if (changed.has("selected") || changed.has("sizes")) {
      this.unit = null;
      this.draw();
    }
  }

  draw() {
    this.plot.replaceChildren();
    this.caption.textContent = "";
    this.note.textContent = this.unknown() ?? "";
    if (this.note.textContent) return;
    const layer = this.network.layers[this.state.selected];
    this.axes = this.axesOf(layer);
    this.unit ??= this.axes.map((axis) => floor(axis.units / 2));
    this.scale = SIDE / max(...this.axes.map((axis) => axis.rows));
    this.note.textContent = this.said(layer);
    this.plot.append(this.picture());
    this.caption.textContent = this.place(layer);
  }

  /** Why there is nothing to draw. */
  unknown() {
    const { selected } = this.state;
    if (!this.input || !positions(this.input).length) return "the input has no spatial axis";
    if (selected === null) return "choose a layer";
    if (!this.figures.isAsWritten) return `not carried along: known for ${asWritten(this.network)}`;
    const layer = this.network.layers[selected];
    if (!layer.field_size) return "no unit of this layer reads the image";
    return null;
  }

  /** The last two axes: those that a plane shows. */
  axesOf(layer) {
    const sizes = positions(this.input);
    const isMap = layer.output.length === sizes.length + 1;
    const all = sizes.map((rows, index) => ({
      rows,
      units: isMap ? layer.output[index + 1] : 1,
      size: layer.field_size[index],
      stride: layer.field_stride[index],
      start: layer.field_start[index],
    }));
    const shown = all.slice(-2);
    return shown.length === 2 ? shown : [{ rows: max(1, round(shown[0].rows / 8)), units: 1, size: null, stride: 0, start: 0 }, shown[0]];
  }

  said(layer) {
    const whole = layer.field_status === "whole input" ? ", the whole input" : "";
    return extentOf(layer) + whole;
  }

  /** The rows that the unit reads on one axis; without a place, all that it may. */
  rows({ start, size, stride, rows }, unit) {
    if (size === null) return [0, rows];
    if (start === null || stride === null) return [0, min(size, rows)];
    const first = floor(start + unit * stride);
    return [first, first + size];
  }

  picture() {
    const [down, across] = this.axes;
    const [height, width] = [down.rows * this.scale, across.rows * this.scale];
    const [top, bottom] = this.rows(down, this.unit[0]);
    const [left, right] = this.rows(across, this.unit[1]);
    const at = (x, y, w, h) => ({ x: x * this.scale, y: y * this.scale, width: max(2, w * this.scale), height: max(2, h * this.scale) });
    const [h0, w0] = [down.size === null ? down.rows : down.stride || 0, across.stride || 0];
    const stride = w0 && h0 && svg("rect.stride", at((left + right - w0) / 2, (top + bottom - h0) / 2, w0, h0));
    const [wide, high] = [width + 2 * EDGE, height + 2 * EDGE];
    return svg("svg", { width: wide, height: high, viewBox: `${-EDGE} ${-EDGE} ${wide} ${high}`, onpointerdown: (event) => this.drag(event),
      onkeydown: (event) => this.step(event), tabindex: 0, role: "application", "aria-label": "Unit drawn: arrow keys choose another" },
      svg("rect.image", { width, height }), this.gridLines(width, height),
      svg("rect.outside", at(left, top, right - left, bottom - top)),
      svg("svg", { width, height, overflow: "hidden" }, svg("rect.inside", at(left, top, right - left, bottom - top))), stride);
  }

  step(event) {
    const by = ARROWS[event.key];
    if (!by || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.choose(by.map((more, index) => this.unit[index] + more));
    this.plot.firstChild.focus();
  }

  gridLines(width, height) {
    return range(1, 7).map((n) => [svg("line.grid", { x1: (width * n) / 7, x2: (width * n) / 7, y1: 0, y2: height }),
      svg("line.grid", { y1: (height * n) / 7, y2: (height * n) / 7, x1: 0, x2: width })]);
  }

  drag(event) {
    event.preventDefault();
    const box = event.currentTarget.getBoundingClientRect();
    const move = ({ clientX, clientY }) => this.moveTo([clientY - box.top - EDGE, clientX - box.left - EDGE]);
    const stop = () => removeEventListener("pointermove", move);
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop, { once: true });
    move(event);
  }

  /** The unit whose field has its centre nearest to a point. */
  moveTo(point) {
    this.choose(this.axes.map(({ start, size, stride }, index) =>
      !stride || start === null ? this.unit[index] : round((point[index] / this.scale - start - size / 2) / stride)));
  }

  /** The unit at some places, or the nearest to it. */
  choose(unit) {
    this.unit = this.axes.map(({ units }, index) => max(0, min(units - 1, unit[index])));
    this.draw();
  }

  place(layer) {
    const input = `${this.input.name} ${shape(positions(this.input))}`;
    if (layer.field_status === "whole input" || layer.field_start.includes(null)) return input;
    const about = layer.field_stride.some((stride) => !Number.isInteger(stride)) ? "about " : "";
    const spans = this.axes.map((axis, index) => [axis, this.rows(axis, this.unit[index])]).filter(([axis]) => axis.size !== null);
    const read = spans.map(([, [first, end]]) => `${first}…${end - 1}`);
    const unit = spans.length === 1 ? this.unit[1] : this.unit.join(", ");
    return `${input} · unit (${unit}) reads ${about}${read.join(" × ")}`;
  }
}

function asWritten(network) {
  return network.symbols.map((name) => `${name} = ${network.bindings[name]}`).join(", ");
}
