// Everything about the selected layer: its figures with their working, the calls around it, and its text in the spec.

const AROUND = 3;

class Details extends Panel {
  constructor(state) {
    super(state);
    this.element = h("section.details", { "aria-label": "Details" });
    state.subscribe(this);
  }

  update(changed) {
    if (changed.has("selected") || changed.has("sizes")) this.draw();
  }

  draw() {
    const { selected } = this.state;
    if (selected === null) {
      this.element.replaceChildren(h("p.note", "Choose a layer: its figures, their working and its text stand here."));
      return;
    }
    const layer = this.network.layers[selected];
    this.element.replaceChildren(h("dl", this.facts(layer)), h("div", this.text(layer), this.calls(layer)));
  }

  facts(layer) {
    const { figures } = this;
    const { output, params, macs, bytes } = figures.layers[layer.index];
    return [
      fact("layer", h("b", layer.path)),
      fact("operation", times(layer.summary)),
      fact("output", `[${output.join(", ")}]${layer.dtype === "float32" ? "" : " " + layer.dtype}`),
      fact("params", this.worked(params, layer.params_working)),
      fact("MACs", this.worked(macs, layer.macs_working)),
      this.inRow(layer),
      macs > 0 && fact("share of MACs", percent(macs / figures.macs)),
      fact("output memory", `${binary(bytes)} for ${figures.setting}`),
      layer.field_size && fact("receptive field", figures.isAsWritten ? this.field(layer) : h("span.stale", `known for ${asWritten(this.network)}`)),
      fact("reads", layer.reads.map((distance) => this.reads(layer, distance)).join(", ")),
    ];
  }

  /** The parameters together with those of the operators that are told in its row. */
  inRow({ index }) {
    const { heads, layers } = this.network;
    const others = layers.filter((other) => heads[other.index] === index && other.index !== index);
    const more = this.figures.of(others.map((other) => other.index), "params");
    const names = others.map((other) => other.op).join(", ");
    return more > 0 && fact(`with ${names}`, `${exact(more + this.figures.layers[index].params)} params`);
  }

  /** `(7*7*3)*64*112*112 = 118_013_952`; the working is that of the sizes as written. */
  worked(value, working) {
    if (!working || !this.figures.isAsWritten || !/[*+]/.test(working)) return exact(value);
    return [h("span.working", `${working} = `), exact(value)];
  }

  field(layer) {
    const input = this.network.inputs.find((one) => positions(one).length);
    const [name, sizes] = [input.name, positions(input)];
    const share = product(layer.field_size.map((rows, axis) => min(rows / sizes[axis], 1)));
    return `${extentOf(layer)}, ${percent(share)} of ${name}`;
  }

  reads({ index }, distance) {
    return distance < 0 ? this.network.inputs[-1 - distance].name : this.network.layers[index - distance].path;
  }

  calls(layer) {
    if (!layer.calls.length) return null;
    return h("ol.calls", layer.calls.map(({ block, args, line, file }) => {
      const given = Object.entries(args).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ");
      return h("li", h("code", `${block}(${given})`), h("span.note", ` ${shortFile(file ?? this.network.file)}:${line}`));
    }));
  }

  /** The lines of the spec around the layer, with its span marked. */
  text(layer) {
    const file = layer.file ?? this.network.file;
    const lines = (this.network.texts[file] ?? "").split("\n");
    const [first, from, last, to] = layer.span;
    const shown = range(max(1, first - AROUND), min(lines.length, last + AROUND) + 1);
    const width = String(shown.at(-1)).length;
    return h("figure.text", h("figcaption.note", `${shortFile(file)}:${first}`), h("pre", shown.map((number) => {
      const points = [...lines[number - 1]];
      const start = number < first || number > last ? points.length : number === first ? from - 1 : 0;
      const end = number === last ? to - 1 : points.length;
      const part = (a, b) => points.slice(a, b).join("");
      return [h("span.number", `${String(number).padStart(width)}  `), part(0, start),
        start < end && h("mark", part(start, end)), start < end ? part(end) : "", "\n"];
    })));
  }
}

function fact(name, ...value) {
  return [h("dt", name), h("dd", ...value)];
}

function shortFile(file) {
  return file.split("/").at(-1);
}
