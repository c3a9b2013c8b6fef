import { SluiceError } from "@sluice/core";

/** The query of a request, decoded strictly: what isn't percent-encoded UTF-8 is a fault, not a guess. */
export class Query {
  readonly path: string;
  readonly #pairs: readonly (readonly [name: string, value: string])[];

  /** @throws {SluiceError} `invalid-parameter` */
  constructor(url: string) {
    const mark = url.indexOf("?");
    this.path = mark < 0 ? url : url.slice(0, mark);
    const text = mark < 0 ? "" : url.slice(mark + 1);
    this.#pairs = text
      .split("&")
      .filter((pair) => pair !== "")
      .map((pair) => {
        const equals = pair.indexOf("=");
        if (equals < 0) return [decode(pair), ""] as const;
        return [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))] as const;
      });
  }

  /** All values of a parameter, in order. */
  all(name: string): readonly string[] {
    return this.#pairs.filter(([known]) => known === name).map(([, value]) => value);
  }

  /** The value of a parameter that may stand once. @throws {SluiceError} `invalid-parameter` */
  one(name: string): string | undefined {
    const values = this.all(name);
    if (values.length > 1) throw invalidParameter(name, `${name} may be given once`);
    return values[0];
  }

  /** A whole number in a range. @throws {SluiceError} `invalid-parameter` */
  integer(name: string, least: number, most: number): number | undefined {
    const text = this.one(name);
    if (text === undefined) return undefined;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw invalidParameter(name, `${name} must be a whole number from ${least} to ${most}`);
    }
    return value;
  }

  /** Whether a switch is on: `1` or `true`. @throws {SluiceError} `invalid-parameter` */
  flag(name: string): boolean {
    const text = this.one(name);
    if (text === undefined || text === "0" || text === "false") return false;
    if (text === "1" || text === "true") return true;
    throw invalidParameter(name, `${name} must be 1 or 0`);
  }

  /** The query's text without the parameters of those names, encoded anew: safe inside `<…>` of a `Link`. */
  without(names: ReadonlySet<string>): string {
    return this.#pairs
      .filter(([name]) => !names.has(name))
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .join("&");
  }
}

/** A parameter that can't be used. */
export function invalidParameter(name: string, why: string): SluiceError {
  return new SluiceError("invalid-parameter", `The parameter can't be used: ${why}.`, { field: name.slice(0, 64) });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (error) {
    throw new SluiceError("invalid-parameter", "The query is not percent-encoded UTF-8.", { cause: error });
  }
}

/** Percent-encoded but for what RFC 3986 lets stand in a query and a reader of the URL is glad of. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/%(?:2F|3A|2C|24|40)/g, (escape) =>
    decodeURIComponent(escape),
  );
}
