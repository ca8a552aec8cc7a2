// The data of the page -> the network: layers as objects, and the diagram with its parents.

const FUSED = new Set(["norm", "activation", "regularization"]);

/** A column as a list. */
function listed(column) {
  if ("all" in column) return Array(column.count).fill(column.all);
  return Array.isArray(column) ? column : column.rows.map((index) => column.values[index]);
}

/** The values whose differences a column holds. */
function summed(column) {
  let total = 0;
  return listed(column).map((difference) => (total += difference));
}

/** The storages with the steps at which they are made, used and freed. */
function storagesOf(columns) {
  const made = summed(columns.made);
  return rowsOf(columns).map(({ single, fixed, per_sample, what, used, freed }, index) => ({
    single, fixed, per_sample, what, made: made[index], freed: made[index] + freed, used: used.map((step) => made[index] + step),
  }));
}

/** Columns as a list of objects. */
function rowsOf(columns) {
  const names = Object.keys(columns);
  const lists = names.map((name) => listed(columns[name]));
  return (lists[0] ?? []).map((_, row) => Object.fromEntries(names.map((name, index) => [name, lists[index][row]])));
}

class Network {
  constructor(data) {
    Object.assign(this, data);
    this.layers = rowsOf(data.layers).map((layer, index) => ({ ...layer, ...layer.kind, index }));
    this.steps = summed(data.memory.steps);
    this.storages = storagesOf(data.memory.storages);
    this.findCopies();
    this.held = Object.fromEntries(data.memory.figures.map(({ name, bytes }) => [name, bytes]));
    this.batch = Number(data.bindings.N);
    this.bindings = Object.fromEntries(Object.entries(data.bindings).map(([name, value]) => [name, Number(value)]));
    this.byPath = new Map(this.layers.map((layer) => [layer.path, layer.index]).reverse());
    this.alias = this.layers.map((layer) => layer.index);
    this.groups = [];
    this.rows = [];
    this.parents = new Map();
    this.itemOf = new Map();
    this.enter(data.diagram.steps, null);
    this.heads = this.layers.map((layer) => this.headOf(layer.index));
  }

  /** Notes at which steps operators in place overwrite a storage: without that they would make a copy of it there. */
  findCopies() {
    const madeBy = new Map(this.storages.filter(({ what }) => what === "output").map((storage) => [this.steps[storage.made - 1], storage]));
    this.steps.forEach((index, step) => {
      const { in_place, reads } = this.layers[index];
      const storage = in_place && madeBy.get(index - reads[0]);
      if (!storage) return;
      (storage.copies ??= []).push(step + 1);
      madeBy.set(index, storage);
    });
  }

  /** The symbols that are open, and stand in a field of their own. */
  get symbols() {
    return this.for_all ? Object.keys(this.bindings).filter((name) => name !== "N" && this.isOpen(name)) : [];
  }

  isOpen(name) {
    const formulas = [this.for_all.macs, this.for_all.activations, ...listed(this.for_all.shapes).flat()];
    return formulas.some((text) => typeof text === "string" && text.split(/\W+/).includes(name));
  }

  /** Notes what stands in which group, and which layers a group of several calls shows. */
  enter(steps, group) {
    for (const item of steps) this.enterItem(item, group);
  }

  enterItem(item, group) {
    this.parents.set(item.key ?? item, group);
    for (const row of item.rows ?? []) this.rows.push(Object.assign(row, this.looks[row.look]));
    for (const part of item.rows ?? [item]) this.enterLayers(part, item, group);
    if (item.is === "group") {
      item.layers = range(...item.spans[0] ?? [0, 0]);
      this.groups.push(item);
      this.parents.set(item, group);
      this.showFirst(item.spans);
      this.enter(item.body.steps, item);
    }
    for (const arm of item.arms ?? []) this.enter(arm.steps, group);
    if (item.join) this.enterItem(item.join, group);
  }

  enterLayers(part, item, group) {
    if (part.is === "group") return;
    for (const index of part.layers ?? []) if (!this.itemOf.has(index)) this.itemOf.set(index, { part, item, group });
  }

  /** Of calls alike the first is shown: the layers of the others stand for those of it. */
  showFirst([first, ...others]) {
    for (const [start, end] of others) {
      for (let index = start; index < end; index++) this.alias[index] = first[0] + index - start;
    }
  }

  /** The layer that the diagram shows in the place of one. */
  shown(index) {
    while (this.alias[index] !== index) index = this.alias[index];
    return index;
  }

  /** The groups around a layer, the outermost first. */
  around(index) {
    const found = [];
    let group = this.itemOf.get(this.shown(index))?.group;
    for (; group; group = this.parents.get(group)) found.unshift(group);
    return found;
  }

  /** The layer in whose row another is told: small operators stand with the one before them. */
  headOf(index) {
    const own = this.itemOf.get(this.shown(index))?.part;
    let head = index;
    while (own && FUSED.has(this.layers[head].category) && this.itemOf.get(this.shown(head - 1))?.part === own) head--;
    return head;
  }
}

function range(start, end) {
  return Array.from({ length: end - start }, (_, index) => start + index);
}
