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
  const isCount = (value) => Number.isSafeInteger(value) && value > 0 && value <= 2 ** 40;
  const wrong = Object.keys(sizes).find((name) => !isCount(sizes[name]));
  if (wrong) return `${wrong} is a whole number from 1`;
  const values = mapped(sizes, BigInt);
  const broken = network.for_all?.fits.find((fit) => !compile(fit.values)(values));
  return broken ? `fits ${broken.values}` : null;
}

/** The moment with the most bytes, the first of several. */
function peakOf(moments) {
  return moments.reduce((best, moment) => (moment.bytes > best.bytes ? moment : best), moments[0] ?? { bytes: 0 });
}

class Figures {
  /** `sizes` are the batch `N` and the values of open sizes; they fit. */
  constructor(network, sizes, isInPlace) {
    this.network = network;
    this.sizes = sizes;
    this.isInPlace = isInPlace;
    this.batch = sizes.N;
    this.isAsWritten = network.symbols.every((name) => sizes[name] === network.bindings[name]);
    this.values = mapped(sizes, BigInt);
    this.layers = this.isAsWritten ? this.counted() : this.fromFormulas();
    const all = network.layers.map(({ index }) => index);
    this.params = this.of(all, "params");
    this.macs = this.of(all, "macs");
    this.most = max(1, ...this.layers.map((layer) => layer.macs));
    this.mostOfRow = max(1, ...network.rows.map(({ layers }) => this.of(layers, "macs")));
    this.storages = this.storageBytes();
    this.timeline = this.storages && this.liveBytes();
    this.peak = this.timeline && peakOf(this.timeline);
  }

  counted() {
    return this.network.layers.map(({ output, params, macs, bytes, batched }) => {
      return { output, params, macs, bytes: batched ? this.scaled(bytes) : bytes };
    });
  }

  /** For the batch, what is known for that of the document. */
  scaled(bytes) {
    return (bytes / this.network.batch) * this.batch;
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
      change[made + freed + 1] -= bytes;
      for (const since of used) moments[made + since - 1].used += bytes;
      for (const since of this.isInPlace ? [] : copies) {
        change[made + since] += bytes;
        change[made + since + 1] -= bytes;
        moments[made + since - 1].used += bytes;
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
    return rowsOf({ phase, layer, ...mapped(sizes, summed) }).map((moment, index) => ({
      ...moment, step: index + 1, bytes: moment.bytes ?? this.bytesOf(moment),
    }));
  }

  /** The inputs' bytes for the batch; null for sizes other than those of the document. */
  get inputs() {
    return this.isAsWritten ? this.scaled(this.network.held.inputs) : null;
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
