import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate, inflateRaw, zstdDecompress } from "node:zlib";

type Decoder = (body: Buffer, maxOutputLength: number) => Promise<Buffer>;

const unzip = promisify(gunzip);
const unbrotli = promisify(brotliDecompress);
const inflated = promisify(inflate);
const inflatedRaw = promisify(inflateRaw);
const unzstd = promisify(zstdDecompress);

/** The low four bits of a zlib stream's first byte (RFC 1950); some apps send bare deflate under the same name. */
const ZLIB_METHOD = 8;

const DECODERS: Readonly<Record<string, Decoder>> = {
  identity: (body) => Promise.resolve(body),
  gzip: (body, maxOutputLength) => unzip(body, { maxOutputLength }),
  "x-gzip": (body, maxOutputLength) => unzip(body, { maxOutputLength }),
  br: (body, maxOutputLength) => unbrotli(body, { maxOutputLength }),
  zstd: (body, maxOutputLength) => unzstd(body, { maxOutputLength }),
  deflate: (body, maxOutputLength) =>
    ((body[0] ?? 0) & 15) === ZLIB_METHOD
      ? inflated(body, { maxOutputLength })
      : inflatedRaw(body, { maxOutputLength }),
};

/** Codings on top of each other that are undone at the most. */
const MAX_CODINGS = 3;

/**
 * Undoes a `Content-Encoding` (RFC 9110 §8.4). `null` if it is not known, the body is none of it, or what comes out is
 * larger than `maxBytes`: a bomb is not unpacked further than that.
 */
export async function decodeBody(body: Buffer, contentEncoding: string, maxBytes: number): Promise<Buffer | null> {
  const codings = contentEncoding
    .split(",")
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== "");
  if (codings.length > MAX_CODINGS) return null;
  let decoded = body;
  for (const coding of codings.toReversed()) {
    const decode = Object.hasOwn(DECODERS, coding) ? DECODERS[coding] : undefined;
    if (decode === undefined) return null;
    try {
      // One after the other, by what they are.
      decoded = await decode(decoded, maxBytes);
    } catch {
      return null;
    }
  }
  return decoded.length <= maxBytes ? decoded : null;
}
