// What the reader has chosen, once for the whole page: whoever shows it subscribes, whoever changes it calls `set`.

class State {
  constructor(network, isPage) {
    this.network = network;
    this.isPage = isPage;
    this.panels = [];
    this.selected = null;
    this.open = firstOpen(network);
    this.mode = "inference";
    this.isInPlace = true;
    this.filter = "";
    this.sizes = { N: network.batch, ...Object.fromEntries(network.symbols.map((name) => [name, network.bindings[name]])) };
    if (isPage) this.read();
    this.figures = new Figures(network, this.sizes, this.isInPlace);
    if (!isPage || !location.hash) this.selected = network.heads[this.figures.peak?.layer] ?? null;
    this.open = this.openedAround(this.selected);
  }

  /** The open groups, and those around a layer. */
  openedAround(index) {
    return new Set([...this.open, ...this.network.around(index)]);
  }

  subscribe(panel) {
    this.panels.push(panel);
    panel.update(new Set(Object.keys(this)));
  }

  /** Changes choices and tells everyone which; the address names them afterwards. */
  set(changes) {
    Object.assign(this, changes);
    if (changes.sizes) this.figures = new Figures(this.network, this.sizes, this.isInPlace);
    const changed = new Set(Object.keys(changes));
    for (const panel of this.panels) panel.update(changed);
    if (this.isPage) this.write();
  }

  /** Chooses a layer, or none; the groups around it are opened. */
  select(selected) {
    const open = this.openedAround(selected);
    this.set({ selected, ...(open.size > this.open.size ? { open } : {}) });
  }

  toggle(group) {
    const open = new Set(this.open);
    if (!open.delete(group)) open.add(group);
    this.set({ open });
  }

  get areAllFolded() {
    return this.open.size === 0;
  }

  foldAll() {
    if (!this.areAllFolded) this.unfolded = this.open;
    this.set({ open: this.areAllFolded ? this.unfolded ?? new Set(this.network.groups) : new Set() });
  }

  /** The address after `#`: the layer, the open groups by their keys, the mode and the sizes. */
  write() {
    const words = new URLSearchParams();
    if (this.selected !== null) words.set("layer", this.network.layers[this.selected].path);
    words.set("open", [...this.open].map((group) => group.key).sort((a, b) => a - b).join(" "));
    if (this.mode !== "inference") words.set("mode", this.mode);
    if (!this.isInPlace) words.set("copies", "");
    for (const [name, value] of Object.entries(this.sizes)) if (value !== this.network.bindings[name]) words.set(name, value);
    history.replaceState(null, "", `#${words}`);
  }

  read() {
    const words = new URLSearchParams(location.hash.slice(1));
    this.selected = this.network.byPath.get(words.get("layer")) ?? null;
    if (words.has("open")) {
      const keys = new Set(words.get("open").split(" ").map(Number));
      this.open = new Set(this.network.groups.filter((group) => keys.has(group.key)));
    }
    this.isInPlace = !words.has("copies");
    if (words.get("mode") === "training" && this.network.memory.training) this.mode = "training";
    const sizes = mapped(this.sizes, (value, name) => Number(words.get(name) ?? value));
    if (!misfit(this.network, sizes)) this.sizes = sizes;
  }
}

const SCREEN = 34;
const WIDE = 5;

/** Groups that are open at first: in order, as far as their rows fit on a screen; always one where there are some. */
function firstOpen(network) {
  const open = new Set();
  let rows = heightOf(network.diagram.steps, open);
  for (const group of network.groups) {
    const parent = network.parents.get(group);
    const more = heightOf(group.body.steps, open);
    if (parent && !open.has(parent)) continue;
    if (open.size && rows + more > SCREEN) continue;
    if (more > 2 * SCREEN || widthOf(group.body.steps, open) > WIDE) continue;
    open.add(group);
    rows += more;
  }
  return open;
}

/** About how many rows high a part of the diagram is. */
function heightOf(steps, open) {
  return sum(steps.map((item) => {
    if (item.is === "card") return item.rows.length + 0.7;
    if (item.is !== "parallel") return 1.6 + (open.has(item) ? heightOf(item.body.steps, open) : 0);
    return max(...item.arms.map((arm) => heightOf(arm.steps, open))) + 2.5;
  }));
}

/** How many rows stand beside each other. */
function widthOf(steps, open) {
  return max(1, ...steps.map((item) => {
    if (item.is === "parallel") return sum(item.arms.map((arm) => widthOf(arm.steps, open)));
    return open.has(item) ? widthOf(item.body.steps, open) : 1;
  }));
}
