// Formulas of open sizes, in the language's arithmetic: `64*((H - 4)//2)`. Whole numbers of any length, so they are exact.

const TOKEN = /[\p{L}\p{N}_]+|\/\/|[=!<>]=|\S/gu;
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

/** A function of the values of the symbols, from a formula or a condition, which the language has written. */
function compile(text) {
  const words = text.match(TOKEN);

  const level = (rank) => {
    if (rank === LEVELS.length) return single();
    let left = level(rank + 1);
    while (Object.hasOwn(LEVELS[rank], words[0])) left = LEVELS[rank][words.shift()](left, level(rank + 1));
    return left;
  };

  const single = () => {
    const word = words.shift();
    const operand = word === "not" ? level(COMPARISON) : word === "-" && single();
    if (operand) return (values) => (word === "-" ? -operand(values) : !operand(values));
    if (word === "(" || word === "[") {
      const items = [];
      do items.push(level(0)); while (words.shift() === ",");
      return word === "(" ? items[0] : (values) => items.map((item) => item(values));
    }
    if (!/^\d/.test(word)) return (values) => values[word];
    const number = BigInt(word.replaceAll("_", ""));
    return () => number;
  };

  return level(0);
}
