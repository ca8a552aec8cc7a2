// Puts the areas together.

/** Shows a network in an element; a page has all areas and the address, a cell of a notebook the diagram and the details. */
function mount(root, data, { isPage }) {
  const network = new Network(data);
  const state = new State(network, isPage);
  const header = new Header(network, state, { isPage });
  const diagram = new Diagram(network, state);
  const details = new Details(network, state);
  if (!isPage) {
    root.className = "cell";
    root.append(header.element, h("div.areas", {}, diagram.element, h("div.facts-side", {}, details.element)));
    return;
  }
  const chart = new MemoryChart(network, state);
  const field = new ReceptiveField(network, state);
  const table = new LayerTable(network, state);
  root.append(header.element, h("div.areas", {}, diagram.element,
    h("div.side", {}, h("div.pictures", {}, chart.element, field.element), details.element, table.element)));
  listen(document, state, table, header);
}
