// Formulas of open sizes, in the language's arithmetic: `64*((H - 4)//2)`. Whole numbers of any length, so they are exact.

const TOKEN = /\s*(\d[\d_]*|[\p{L}_][\p{L}\p{N}_]*|\/\/|[=!<>]=|[-+*%()<>[\],])/uy;
const both = (compute) => (a, b) => (values) => compute(a(values), b(values));
const modulo = (a, b) => ((a % b) + b) % b;

/** The operators, from those that bind least to those that bind most. */
const LEVELS = [
  { or: (a, b) => (values) => a(values) || b(values) },
  { and: (a, b) => (values) => a(values) && b(values) },
  { "==": both((a, b) => a === b), "!=": both((a, b) => a !== b), ">=": both((a, b) => a >= b), "<=": both((a, b) => a <= b),
    ">": both((a, b) => a > b), "<": both((a, b) => a < b), in: both((a, list) => list.includes(a)) },
  { "+": both((a, b) => a + b), "-": both((a, b) => a - b) },
  { "*": both((a, b) => a * b), "//": both((a, b) => (a - modulo(a, b)) / b), "%": both(modulo) },
];
const COMPARISON = 2;

/** A function of the values of the symbols, from a number, a formula or a condition. Throws `SyntaxError`. */
function compile(text) {
  if (typeof text === "number") return () => BigInt(text);
  const words = tokens(text);
  const must = (word) => {
    if (words.shift() !== word) throw new SyntaxError(text);
  };

  const level = (rank) => {
    if (rank === LEVELS.length) return single();
    let left = level(rank + 1);
    while (Object.hasOwn(LEVELS[rank], words[0])) left = LEVELS[rank][words.shift()](left, level(rank + 1));
    return left;
  };

  const single = () => {
    const word = words.shift();
    if (word === "not") return ((inside) => (values) => !inside(values))(level(COMPARISON));
    if (word === "-") return ((inside) => (values) => -inside(values))(single());
    if (word === "(" || word === "[") {
      const items = [level(0)];
      while (words[0] === ",") items.push((must(","), level(0)));
      must(word === "(" ? ")" : "]");
      return word === "(" ? items[0] : (values) => items.map((item) => item(values));
    }
    if (/^\d/.test(word)) return ((number) => () => number)(BigInt(word.replaceAll("_", "")));
    if (!/^[\p{L}_]/u.test(word ?? "")) throw new SyntaxError(text);
    return (values) => values[word];
  };

  const found = level(0);
  if (words.length) throw new SyntaxError(text);
  return found;
}

function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const match = TOKEN.exec(text);
    if (!match) throw new SyntaxError(text);
    found.push(match[1]);
  }
  return found;
}
