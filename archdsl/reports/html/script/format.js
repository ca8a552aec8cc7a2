// Numbers and shapes as the reports write them.

const { abs, floor, hypot, max, min, round } = Math;
const KIB = 1024;
const MIB = KIB * KIB;
const GIB = MIB * KIB;
const TIB = GIB * KIB;

/** `25_557_032`; what is too large to be exact here is marked. */
function exact(n) {
  if (!Number.isSafeInteger(n)) return `≈ ${n.toExponential(3)}`;
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "_");
}

/** Decimals with halves to the even digit, as Python has them. */
function fixed(n, digits) {
  const doubled = n * 2 ** (digits + 1);
  const isHalf = Number.isInteger(doubled) && abs((n * 10 ** digits) % 1) === 0.5;
  if (!isHalf) return n.toFixed(digits);
  return (2 * round((n * 10 ** digits) / 2) / 10 ** digits).toFixed(digits);
}

/** Three digits and a unit: `118M`, `1.03G`; below a thousand the number itself. */
function short(n) {
  if (n < 1000) return String(n);
  const power = [1, 2, 3, 4].find((p) => n < 999.5 * 1000 ** p) ?? 5;
  const scaled = n / 1000 ** power;
  return fixed(scaled, scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0) + "KMGTP"[power - 1];
}

/** The unit that bytes are written in. */
function unitOf(n) {
  if (n < KIB) return [1, "B"];
  if (n < 0.095 * MIB) return [KIB, "KiB"];
  if (n < GIB) return [MIB, "MiB"];
  return n < TIB ? [GIB, "GiB"] : [TIB, "TiB"];
}

/** Bytes in powers of 1024: `512 B`, `16.0 KiB`, `9.95 MiB`. */
function binary(n) {
  const [unit, name] = unitOf(n);
  const digits = unit === 1 ? 0 : unit === KIB || (unit === MIB && n >= 16 * MIB) ? 1 : 2;
  return `${fixed(n / unit, digits)} ${name}`;
}

function percent(share) {
  return `${fixed(100 * share, 1)}%`;
}

/** Channel first, without brackets: `64×112×112`. */
function shape(sizes) {
  return sizes.length ? sizes.join("×") : "1";
}

/** One number where the axes agree. */
function perAxis(numbers) {
  return [...new Set(numbers.map((n) => Number(n.toFixed(3))))].join("×");
}

/** The sizes of the axes of an input along which units have places: tokens have no channels. */
function positions({ shape, dtype }) {
  return dtype.includes("float") ? shape.slice(1) : shape;
}

/** The size of a field on each axis, or a bound of it, and how far apart the fields of neighbours are, where that is known. */
function extentOf({ field_status: status, field_size: size, field_stride: stride }) {
  const apart = status === "whole input" || stride.includes(null) ? "" : `, stride ${perAxis(stride)}`;
  return boundOf(status) + shape(size) + apart;
}

/** One number where the axes of a field agree; nothing where it is the whole input. */
function fieldOf({ field_status: status, field_size: size }) {
  return !size || status === "whole input" ? "" : boundOf(status) + perAxis(size);
}

function boundOf(status) {
  return status === "bound" ? "≤ " : "";
}

/** Windows with a multiplication sign: `conv 3x3, 64` as `conv 3×3, 64`. */
function times(text) {
  return text.replace(/(\d)x(?=\d)/g, "$1×");
}

const product = (numbers) => numbers.reduce((all, n) => all * n, 1);
const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);
