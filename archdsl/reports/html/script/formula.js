// Formulas of open sizes, in the language's arithmetic: `64*((H - 4)//2)`. Whole numbers of any length, so they are exact.

const TOKEN = /\s*(?:(\d[\d_]*)|([\p{L}_][\p{L}\p{N}_]*)|(\/\/|==|!=|>=|<=|[-+*%^()<>[\],]))/uy;
const COMPARISONS = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
};

/** A function of the values of the symbols, from a number, a formula or a condition. Throws `SyntaxError`. */
function compile(text) {
  if (typeof text === "number") return () => BigInt(text);
  const reader = new FormulaReader(tokens(text));
  const found = reader.any();
  if (reader.next !== undefined) throw new SyntaxError(text);
  return found;
}

function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const match = TOKEN.exec(text);
    if (!match) throw new SyntaxError(text);
    found.push(match[0].trim());
  }
  return found;
}

function floorDivide(a, b) {
  return (a - modulo(a, b)) / b;
}

/** The remainder with the sign of the divisor. */
function modulo(a, b) {
  return ((a % b) + b) % b;
}

/** Recursive descent: a method for each level of precedence, from `or` down to a single number. */
class FormulaReader {
  constructor(words) {
    this.words = words;
    this.at = 0;
  }

  get next() {
    return this.words[this.at];
  }

  take(...expected) {
    if (!expected.includes(this.next)) return undefined;
    return this.words[this.at++];
  }

  must(word) {
    if (!this.take(word)) throw new SyntaxError(`${word} expected`);
  }

  any() {
    let left = this.all();
    while (this.take("or")) {
      const [a, b] = [left, this.all()];
      left = (values) => a(values) || b(values);
    }
    return left;
  }

  all() {
    let left = this.denied();
    while (this.take("and")) {
      const [a, b] = [left, this.denied()];
      left = (values) => a(values) && b(values);
    }
    return left;
  }

  denied() {
    if (!this.take("not")) return this.comparison();
    const inside = this.denied();
    return (values) => !inside(values);
  }

  comparison() {
    const left = this.sum();
    const word = this.take(...Object.keys(COMPARISONS), "in");
    if (word === undefined) return left;
    if (word === "in") {
      const list = this.list();
      return (values) => list.some((item) => item(values) === left(values));
    }
    const right = this.sum();
    return (values) => COMPARISONS[word](left(values), right(values));
  }

  list() {
    this.must("[");
    const items = [this.sum()];
    while (this.take(",")) items.push(this.sum());
    this.must("]");
    return items;
  }

  sum() {
    let left = this.product();
    for (let sign; (sign = this.take("+", "-")); ) {
      const [a, b] = [left, this.product()];
      left = sign === "+" ? (values) => a(values) + b(values) : (values) => a(values) - b(values);
    }
    return left;
  }

  product() {
    let left = this.factor();
    for (let sign; (sign = this.take("*", "//", "%")); ) {
      const [a, b] = [left, this.factor()];
      if (sign === "*") left = (values) => a(values) * b(values);
      else if (sign === "//") left = (values) => floorDivide(a(values), b(values));
      else left = (values) => modulo(a(values), b(values));
    }
    return left;
  }

  factor() {
    if (this.take("-")) {
      const inside = this.factor();
      return (values) => -inside(values);
    }
    if (this.take("(")) {
      const inside = this.any();
      this.must(")");
      return inside;
    }
    const word = this.words[this.at++];
    if (/^\d/.test(word)) {
      const number = BigInt(word.replaceAll("_", ""));
      return () => number;
    }
    if (!/^[\p{L}_]/u.test(word ?? "")) throw new SyntaxError(`a number expected`);
    return (values) => values[word];
  }
}
