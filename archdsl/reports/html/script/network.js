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
    this.storages = rowsOf({ ...data.memory.storages, made: summed(data.memory.storages.made) });
    this.held = Object.fromEntries(data.memory.figures.map(({ name, bytes }) => [name, bytes]));
    this.bindings = mapped(data.bindings, Number);
    this.batch = this.bindings.N;
    this.byPath = new Map(this.layers.map((layer) => [layer.path, layer.index]).reverse());
    this.alias = this.layers.map((layer) => layer.index);
    this.groups = [];
    this.rows = [];
    this.parents = new Map();
    this.itemOf = new Map();
    this.enter(data.diagram.steps, null);
    this.heads = this.layers.map((layer) => this.headOf(layer.index));
  }

  /** Notes what stands in which group, and which layers a group of several calls shows. */
  enter(steps, group) {
    for (const item of steps) {
      this.parents.set(item.key ?? item, group);
      for (const row of item.rows ?? []) this.rows.push(Object.assign(row, this.looks[row.look]));
      for (const part of item.rows ?? [item]) {
        for (const index of part.layers ?? []) if (!this.itemOf.has(index)) this.itemOf.set(index, { part, group });
      }
      if (item.is === "group") this.enterGroup(item, group);
      for (const arm of item.arms ?? []) this.enter(arm.steps, group);
      if (item.join) this.enter([item.join], group);
    }
  }

  enterGroup(item, group) {
    this.groups.push(item);
    this.parents.set(item, group);
    this.showFirst(item.spans);
    this.enter(item.body.steps, item);
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

  /** The row, merge or bar of the diagram in which a layer is told. */
  partOf(index) {
    return this.itemOf.get(this.shown(index))?.part;
  }

  /** The groups around a layer, the outermost first; none around none. */
  around(index) {
    const found = [];
    let group = this.itemOf.get(this.shown(index))?.group;
    for (; group; group = this.parents.get(group)) found.unshift(group);
    return found;
  }

  /** The layer in whose row another is told: small operators stand with the one before them. */
  headOf(index) {
    const own = this.partOf(index);
    let head = index;
    while (own && FUSED.has(this.layers[head].category) && this.partOf(head - 1) === own) head--;
    return head;
  }
}

function range(start, end) {
  return Array.from({ length: end - start }, (_, index) => start + index);
}
