// Keys: the arrows or j and k go through the layers, left and right fold and open, `/` searches, Esc clears.

function listen(root, state, table, header) {
  const moves = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };
  const turn = (group) => group && state.toggle(group);
  const keys = {
    "/": () => header.search.focus(),
    Escape: () => state.select(null),
    ArrowLeft: () => turn(state.network.around(state.selected).findLast((group) => state.open.has(group))),
    ArrowRight: () => turn(state.network.around(state.selected).find((group) => !state.open.has(group))),
  };
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input")) {
      if (event.key === "Escape") leave(event.target, state);
      if (event.key === "Enter" && event.target === header.search) state.select(table.first);
      return;
    }
    const action = event.key in moves ? () => state.select(table.beside(moves[event.key])) : keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function leave(field, state) {
  if (field.type === "search") {
    field.value = "";
    state.set({ filter: "" });
  }
  field.blur();
}
