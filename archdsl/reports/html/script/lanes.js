// What needs the places of things: the lines of forks, and values that pass other layers by (taps, dense states) as paths.

const TRACK = 9;
const MARGIN = 72;

class Lanes {
  constructor(diagram) {
    this.diagram = diagram;
    this.observer = new ResizeObserver(() => this.soon());
    this.observer.observe(diagram.body);
  }

  /** Draws with the next frame, when everything has its place. */
  soon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      const forks = this.diagram.forks.filter(({ element }) => element.offsetParent);
      for (const write of forks.map(spread)) write();
      for (const body of this.diagram.withLanes) if (body.element.offsetParent) this.draw(body);
    });
  }

  draw({ element, lanes, group }) {
    const top = element.getBoundingClientRect();
    const found = lanes.flatMap((lane) => this.ends(lane, top, group)).sort((a, b) => a.end - a.start - (b.end - b.start));
    const tracks = [];
    for (const lane of found) lane.track = freeTrack(tracks, lane);
    const step = min(TRACK, MARGIN / tracks.length);
    element.style.paddingRight = `${tracks.length * step + 10}px`;
    element.querySelector(":scope > svg.lanes")?.remove();
    if (!found.length) return;
    const edge = max(...found.flatMap((lane) => [lane.left, ...lane.stops.map((stop) => stop.x)]));
    const width = max(top.width, edge + tracks.length * step + 9);
    const paths = found.map((lane) => svg("path", { d: pathOf(lane, edge + lane.track * step) }, svg("title", lane.text)));
    element.append(svg("svg.lanes", { width, height: top.height, "aria-hidden": "true" }, paths));
  }

  /** Where a lane begins and ends; of what is folded, at the box that hides it; nothing where both ends are in one. */
  ends({ source, targets, text }, top, group) {
    const from = source[0] === -1 ? null : this.placeOf(source, group);
    const start = from ? middle(from, top) : { x: top.width / 2, y: 0 };
    const places = [...new Set(targets.map((target) => this.placeOf(target, group)))].filter((place) => place && place !== from);
    const stops = places.map((place) => entry(place, top)).filter((stop) => stop.y > start.y);
    if (!stops.length) return [];
    return [{ text, left: start.x, start: start.y, stops, end: max(...stops.map((stop) => stop.y)) }];
  }

  placeOf([key, row], group) {
    const { network, state, places, boxes } = this.diagram;
    let hidden = null;
    for (let around = network.parents.get(key); around && around !== group; around = network.parents.get(around)) {
      if (!state.open.has(around)) hidden = around;
    }
    if (hidden) return boxes.get(hidden)?.element;
    const place = places.get(key);
    return place?.classList.contains("card") ? place.querySelectorAll(".row")[row] : place;
  }
}

// Everything is measured before anything is written, since a browser lays the page out again in between.
/** Lines above and below arms, from the middle, where the value comes and goes, to the outermost arms that it passes. */
function spread({ element, columns, lines }) {
  const middle = element.clientWidth / 2;
  const centres = columns.map((arm) => arm.offsetLeft + arm.offsetWidth / 2);
  return () => {
    for (const [line, passes] of [[lines.fork, "enters"], [lines.join, "feeds"]]) {
      const ends = centres.filter((_, index) => columns[index].classList.contains(passes));
      const [left, right] = [min(middle, ...ends), max(middle, ...ends)];
      line.style.left = `${left}px`;
      line.style.width = `${ends.length && right - left + 1}px`;
    }
  };
}

function middle(element, top) {
  const place = element.getBoundingClientRect();
  return { x: place.right - top.left, y: place.top + min(place.height, 24) / 2 - top.top };
}

/** Where a lane ends: at the right of an element, or over it where arms stand at its right, so that none of them is crossed. */
function entry(element, top) {
  const { x, y } = middle(element, top);
  if (!element.matches(".arm:has(~ .arm) :not(.row + .row)")) return { x, y, arrow: `H${x + 2}m5,-3l-5,3l5,3` };
  return { x, y: element.getBoundingClientRect().top - top.top - 5, arrow: `H${x - 12}v5m-3,-4l3,4l3,-4` };
}

/** The first track that is free from the start of a lane to its end. */
function freeTrack(tracks, { start, end }) {
  const found = tracks.findIndex((taken) => taken.every((other) => other.end < start || other.start > end));
  const track = found < 0 ? tracks.push([]) - 1 : found;
  tracks[track].push({ start, end });
  return track;
}

function pathOf({ left, start, stops, end }, edge) {
  const x = edge + 8;
  const trunk = `M${left},${start}H${x - 4}Q${x},${start} ${x},${start + 4}V${end - 4}Q${x},${end} ${x - 4},${end}`;
  const arrows = stops.map((stop) => `M${x - (stop.y === end ? 4 : 0)},${stop.y}${stop.arrow}`);
  return trunk + arrows.join("");
}
