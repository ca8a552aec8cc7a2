// Puts the areas together.

/** Shows a network in an element; a page has all areas and the address, a cell of a notebook the diagram and the details. */
function mount(root, data, { isPage }) {
  const network = new Network(data);
  const state = new State(network, isPage);
  const header = new Header(state, { isPage });
  const side = h(isPage ? "div.side" : "div");
  root.append(header.element, h("div.areas", new Diagram(state).element, side));
  if (!isPage) {
    root.className = "cell";
    side.append(new Details(state).element);
    return;
  }
  root.setAttribute("aria-busy", true);
  afterPaint(() => {
    const pictures = [new MemoryChart(state), new ReceptiveField(state)];
    const table = new LayerTable(state);
    side.append(h("div.pictures", pictures.map(({ element }) => element)), new Details(state).element, table.element);
    listen(document, state, table, header);
    root.removeAttribute("aria-busy");
  });
}

/** Runs when what is there has been painted, so that a reader need not wait for what is still to come. */
function afterPaint(next) {
  requestAnimationFrame(() => setTimeout(next));
}
