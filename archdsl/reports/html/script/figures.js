// The figures of the network for the batch and the sizes in the fields.

/** Formulas of one column, each compiled once. */
const compiled = new Map();

function valueOf(formula, values) {
  if (typeof formula === "number") return formula;
  if (!compiled.has(formula)) compiled.set(formula, compile(formula));
  return Number(compiled.get(formula)(values));
}

/** What does not fit of the values in the fields, as a sentence; null where all is well. */
function misfit(network, sizes) {
  for (const [name, value] of Object.entries(sizes)) {
    if (!Number.isSafeInteger(value) || value < 1 || value > 2 ** 40) return `${name} is a whole number from 1`;
  }
  const values = bigValues(sizes);
  const broken = (network.for_all?.fits ?? []).find((fit) => !compile(fit.values)(values));
  return broken ? `fits ${broken.values}` : null;
}

function bigValues(sizes) {
  return Object.fromEntries(Object.entries(sizes).map(([name, value]) => [name, BigInt(value)]));
}

class Figures {
  /** `sizes` are the batch `N` and the values of open sizes; they fit. */
  constructor(network, sizes, isInPlace) {
    this.network = network;
    this.sizes = sizes;
    this.isInPlace = isInPlace;
    this.batch = sizes.N;
    this.isAsWritten = network.symbols.every((name) => sizes[name] === network.bindings[name]);
    this.values = bigValues(sizes);
    this.layers = this.isAsWritten ? this.counted() : this.fromFormulas();
    this.params = sum(this.layers.map((layer) => layer.params));
    this.macs = sum(this.layers.map((layer) => layer.macs));
    this.most = max(1, ...this.layers.map((layer) => layer.macs));
    this.mostOfRow = max(1, ...network.rows.map(({ layers }) => this.of(layers, "macs")));
    this.storages = this.storageBytes();
    this.timeline = this.storages && this.liveBytes();
    this.peak = this.timeline && this.timeline.reduce((best, moment) => (moment.bytes > best.bytes ? moment : best), NOTHING);
  }

  counted() {
    return this.network.layers.map(({ output, params, macs, bytes, batched }) => {
      const perSample = batched ? bytes / this.network.batch : bytes;
      return { output, params, macs, bytes: batched ? perSample * this.batch : bytes };
    });
  }

  fromFormulas() {
    const { shapes, params_of, macs_of, bytes_of } = this.network.for_all;
    const lists = [shapes, params_of, macs_of, bytes_of].map(listed);
    const at = (formula) => valueOf(formula, this.values);
    return this.network.layers.map(({ index, batched }) => {
      const [output, params, macs, bytes] = lists.map((list) => list[index]);
      return { output: output.map(at), params: at(params), macs: at(macs), bytes: at(bytes) * (batched ? this.batch : 1) };
    });
  }

  /** Bytes of each storage; null where the sizes in the fields decide which storages there are. */
  storageBytes() {
    const formulas = this.network.for_all?.storages;
    if (!this.isAsWritten && !formulas) return null;
    const sizes = this.isAsWritten ? this.network.storages : rowsOf(formulas);
    return sizes.map((size) => this.bytesOf(size));
  }

  bytesOf({ single, fixed, per_sample }) {
    if (this.batch === 1) return valueOf(single, this.values);
    return valueOf(fixed, this.values) + valueOf(per_sample, this.values) * this.batch;
  }

  /** For each step the bytes alive, and of these what the step reads or writes. */
  liveBytes() {
    const { steps } = this.network;
    const moments = steps.map((layer, index) => ({ step: index + 1, layer, bytes: 0, used: 0 }));
    const change = new Float64Array(steps.length + 2);
    this.network.storages.forEach(({ made, freed, used, copies }, index) => {
      const bytes = this.storages[index];
      change[made] += bytes;
      change[freed + 1] -= bytes;
      for (const step of used) moments[step - 1].used += bytes;
      for (const step of this.isInPlace ? [] : copies ?? []) {
        change[step] += bytes;
        change[step + 1] -= bytes;
        moments[step - 1].used += bytes;
      }
    });
    let alive = 0;
    for (const moment of moments) {
      alive += change[moment.step];
      moment.bytes = alive;
    }
    return moments;
  }

  /** The moments of a training step; null where they are not known for the values in the fields. */
  get training() {
    const { training } = this.network.memory;
    if (!training || !this.isAsWritten) return null;
    const { phase, layer, ...sizes } = training.timeline;
    if (sizes.bytes && this.batch !== this.network.batch) return null;
    const [phases, layers] = [phase, layer].map(listed);
    const lists = Object.entries(sizes).map(([name, column]) => [name, summed(column)]);
    const sizeAt = (index) => Object.fromEntries(lists.map(([name, list]) => [name, list[index]]));
    return phases.map((name, index) => {
      const size = sizeAt(index);
      return { step: index + 1, phase: name, layer: layers[index], bytes: size.bytes ?? this.bytesOf(size) };
    });
  }

  /** The inputs' bytes for the batch; null for sizes other than those of the document. */
  get inputs() {
    return this.isAsWritten ? (this.network.held.inputs / this.network.batch) * this.batch : null;
  }

  /** The sum of a figure over layers. */
  of(indices, figure) {
    return sum(indices.map((index) => this.layers[index][figure]));
  }

  /** A text that says what the figures hold for: `N = 1, H = 572`. */
  get setting() {
    return Object.entries(this.sizes).map(([name, value]) => `${name} = ${exact(value)}`).join(", ");
  }
}

const NOTHING = { step: 0, layer: null, bytes: 0, used: 0 };
