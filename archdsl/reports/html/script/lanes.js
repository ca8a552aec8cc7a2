// What needs the places of things: the lines of forks, and values that pass other layers by (taps, dense states) as paths.

const TRACK = 9;
const MARGIN = 72;
const CLEAR = 4;
const APART = 3;
const ARROW = 5;
const MOST_CHECKS = 200_000;
const BLOCKS = ".row, .heading, .head, .merge, .concat, .terminal, .identity, .part";

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
    const ways = new Ways(element, top, lanes.length);
    const found = [...lanes].reverse().flatMap((lane) => this.ends(lane, top, group, ways)).sort((a, b) => a.end - a.start - (b.end - b.start));
    const tracks = [];
    for (const lane of found) lane.track = freeTrack(tracks, lane);
    const step = min(TRACK, MARGIN / tracks.length);
    element.style.paddingRight = `${tracks.length * step + 10}px`;
    element.querySelector(":scope > svg.lanes")?.remove();
    if (!found.length) return;
    const width = max(top.width, ways.edge + tracks.length * step + 9);
    const paths = found.map((lane) => svg("path", { d: pathOf(lane, ways.edge + 8 + lane.track * step) }, svg("title", lane.text)));
    element.append(svg("svg.lanes", { width, height: top.height, "aria-hidden": "true" }, paths));
  }

  /** The ways of a lane; of what is folded, at the box that hides it; nothing where both ends are in one. */
  ends({ source, targets, text }, top, group, ways) {
    const from = source[0] === -1 ? null : this.placeOf(source, group);
    const places = [...new Set(targets.map((target) => this.placeOf(target, group)))].filter((place) => place && place !== from);
    if (!places.length) return [];
    const out = from ? ways.from(from) : [ways.entry];
    const stops = places.map((place) => ways.over(place) ?? ways.from(place, ARROW));
    const levels = [out, ...stops].map((way) => way.at(-1)[1]);
    return [{ text, out, stops, start: min(...levels), end: max(...levels) }];
  }

  placeOf([key, row], group) {
    const { network, state, places, boxes } = this.diagram;
    let hidden = null;
    for (let around = network.parents.get(key); around && around !== group; around = network.parents.get(around)) {
      if (!state.open.has(around)) hidden = around;
    }
    if (hidden) return boxes.get(hidden)?.element;
    const place = places.get(key);
    return place?.matches(".card, .concat") ? place.querySelectorAll(".row, .parts i")[row] ?? place : place;
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

/** Ways from ends of lanes to the right side of a body, around what stands there. */
class Ways {
  constructor(element, top, lanes) {
    this.top = top;
    const shown = (names) => [...element.querySelectorAll(names)].filter((box) => box.offsetParent);
    const blocks = shown(BLOCKS).map((box) => this.place(box));
    this.blocks = lanes * blocks.length > MOST_CHECKS ? [] : blocks;
    const own = shown(`${BLOCKS}, .group`).filter((box) => box.parentElement.closest(".body") === element);
    this.edge = max(0, ...own.map((box) => this.place(box).right));
    const first = this.place(element.firstElementChild);
    this.entry = [(first.left + first.right) / 2, 0];
    this.taken = [];
  }

  place(element) {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    return { left: left - this.top.left, right: right - this.top.left, top: top - this.top.top, bottom: bottom - this.top.top };
  }

  /** The right side of an element, at its head where it is high, and of one that is scrolled away where it would be seen. */
  side(element) {
    const { right, top, bottom } = this.place(element.closest(".concat") ?? element);
    return [min(right, this.edge), top + min(bottom - top, 24) / 2];
  }

  /** From above into a part of a `concat`, or an element with something at its right, where that is free. */
  over(element) {
    const [side, y] = this.side(element);
    const bar = element.closest(".concat");
    if (!bar && (!this.across(side, this.edge, y, y).length || element.matches(".row + .row, .heading + .row"))) return null;
    const { left, right } = this.place(element);
    const [x, { top }] = [bar ? (left + right) / 2 : side - 12, this.place(bar ?? element)];
    const levels = bar ? [top - ARROW, top - ARROW - APART] : [top - ARROW];
    const level = levels.find((line) =>
      !this.across(x, this.edge, line, line).length && this.taken.every((other) => abs(other.level - line) >= APART));
    if (level === undefined) return null;
    this.taken.push({ x, y: top, turn: x, level });
    return [[x, top], [x, level]];
  }

  /** Straight, or up or down to the nearest level that is free, beside the end or before what stands in the way. */
  from(element, arrow = 0) {
    const [x, y] = this.side(element);
    const ahead = this.across(x, this.edge, y, y);
    if (!ahead.length) return [[x, y]];
    const before = min(...ahead.map((block) => block.left));
    const lines = [CLEAR, CLEAR + APART];
    const beside = this.blocks.filter((block) => block.right > x);
    const levels = beside.flatMap(({ top, bottom }) => lines.flatMap((away) => [top - away, bottom + away]));
    levels.sort((a, b) => abs(a - y) - abs(b - y));
    const turns = lines.flatMap((away) => [x + arrow + away - 1, before - away + 1]).filter((turn) => x < turn && turn < before);
    for (const level of levels) {
      const turn = turns.find((turn) => this.isFree(x, y, turn, level));
      if (turn === undefined) continue;
      this.taken.push({ x, y, turn, level });
      return [[x, y], [turn, y], [turn, level]];
    }
    return [[x, y]];
  }

  isFree(x, y, turn, level) {
    const [high, low] = [min(y, level), max(y, level)];
    const met = (other) => (other.x !== x || other.y !== y) && (abs(other.level - level) < APART
      || (abs(other.turn - turn) < APART && high < max(other.y, other.level) && min(other.y, other.level) < low));
    return !this.across(turn, turn, high, low).length && !this.across(turn, this.edge, level, level).length && !this.taken.some(met);
  }

  /** What stands in a rectangle. */
  across(left, right, top, bottom) {
    const isBetween = (block) => block.left < right + 1 && block.right > left + 1;
    return this.blocks.filter((block) => isBetween(block) && block.top < bottom + CLEAR && block.bottom > top - CLEAR);
  }
}

/** The first track that is free from the start of a lane to its end. */
function freeTrack(tracks, { start, end }) {
  const found = tracks.findIndex((taken) => taken.every((other) => other.end < start || other.start > end));
  const track = found < 0 ? tracks.push([]) - 1 : found;
  tracks[track].push({ start, end });
  return track;
}

function pathOf({ out, stops }, track) {
  return stops.map((way) => {
    const [[x, y], [turn] = []] = way;
    const arrow = turn === x ? `M${x - 3},${y - 4}l3,4l3,-4` : `M${x + ARROW},${y - 3}l-5,3l5,3`;
    const points = [...out, [track, out.at(-1)[1]], [track, way.at(-1)[1]], ...[...way].reverse()];
    return rounded(points) + arrow;
  }).join("");
}

/** A path through points, with round corners. */
function rounded(points) {
  const near = ([x, y], [otherX, otherY]) => {
    const share = min(4 / (hypot(otherX - x, otherY - y) || 1), 0.5);
    return [x + (otherX - x) * share, y + (otherY - y) * share];
  };
  const corners = points.slice(1, -1).map((point, index) => `L${near(point, points[index])}Q${point} ${near(point, points[index + 2])}`);
  return `M${points[0]}${corners.join("")}L${points.at(-1)}`;
}
