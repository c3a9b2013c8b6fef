import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../src/clock.ts";
import { SluiceError } from "../src/errors.ts";
import { StoredEvent } from "../src/event.ts";
import { isOwnEventId, newEventId } from "../src/event-id.ts";
import { compact, elementTexts, memberTexts } from "../src/json-slices.ts";
import { parsePublication, traceParentOf } from "../src/publication.ts";

const options = { eventBytes: 1000 };

function fault(text: string): { code: string; field: string | undefined; index: number | undefined } {
  try {
    parsePublication(text, options);
  } catch (error) {
    if (error instanceof SluiceError) return { code: error.code, field: error.field, index: error.index };
    throw error;
  }
  throw new Error(`${text} was taken`);
}

/** JSON text with white space wherever it may stand. */
const spaced = fc
  .tuple(fc.json(), fc.constantFrom(undefined, 1, "\t"))
  .map(([text, indent]) => JSON.stringify(JSON.parse(text), null, indent));

describe("JSON slices", () => {
  it("cut members and elements out whole", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), spaced, { maxKeys: 5, noNullPrototype: true }), (values) => {
        const names = Object.keys(values);
        const object = ` {${names.map((name) => ` ${JSON.stringify(name)} :\n${values[name]}\t`).join(",")} } `;
        expect([...memberTexts(object)]).toEqual(names.map((name) => [name, values[name]]));
        const array = `[ ${names.map((name) => values[name]).join(" , ")} ]`;
        expect(elementTexts(array)).toEqual(names.map((name) => values[name]));
      }),
      { numRuns: 500 },
    );
  });

  it("take white space out and nothing else", () => {
    fc.assert(
      fc.property(spaced, (text) => {
        expect(compact(text)).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 500 },
    );
  });

  it("know escaped names and the last of a repeated one", () => {
    expect(memberTexts(String.raw`{"d\u0061ta":1,"x":"\\\"}","data":2}`).get("data")).toBe("2");
    expect(memberTexts(String.raw`{"x":"\\","y":"\\\""}`).get("y")).toBe(String.raw`"\\\""`);
  });
});

describe("a publication", () => {
  it.each([
    "12345678901234567890",
    "1e400",
    "1.0",
    '{"__proto__":{"x":1},"2":0,"1":0}',
    String.raw`"\ud800"`,
    '"\u2028"',
    "null",
    "[[[]]]",
    '""',
  ])("keeps the data %s as it was written", (data) => {
    const [draft] = parsePublication(`{"topic":"a","data":${data}}`, options);
    expect(draft?.data).toBe(data);
    const event = new StoredEvent({ ...(draft as NonNullable<typeof draft>), epoch: "e1", position: 36 });
    expect(event.json).toMatch(/^\{"id":"[^"]+","topic":"a","type":"message","time":"[^"]+","cursor":"e1-10","data":/);
    expect(event.json.endsWith(`,"data":${data}}`)).toBe(true);
  });

  it("completes an event with a sortable id, a type and a time", () => {
    const drafts = parsePublication(
      '[{"topic":"a","data":1},{"topic":"b","data":2,"type":"t","id":"i-1","time":"2026-01-01T00:00:00+01:00"}]',
      options,
    );
    expect(drafts[0]?.id).toMatch(/^[0-9A-Z]{26}$/);
    expect(drafts[0]?.type).toBe("message");
    expect(drafts[1]).toMatchObject({ id: "i-1", type: "t", time: "2025-12-31T23:00:00.000Z", data: "2" });
  });

  it("makes ids that say of which topic they are", () => {
    for (const topic of ["a", "orders/42", "ü/🍕"]) {
      const id = newEventId(systemClock, topic);
      expect(isOwnEventId(id, topic)).toBe(true);
      expect(isOwnEventId(id, `${topic}/b`)).toBe(false);
      expect(isOwnEventId("01KAPX3J5Q8ZZZZZZZZZZZZZZZ", topic)).toBe(false);
      expect(isOwnEventId("one", topic)).toBe(false);
    }
    const ids = new Set(Array.from({ length: 10_000 }, () => newEventId(systemClock, "a")));
    expect(ids.size).toBe(10_000);
  });

  it("takes a traceparent that is well-formed, and passes over any other", () => {
    const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const text = '{"topic":"a","data":1}';
    expect(parsePublication(text, { ...options, traceParent: trace })[0]).toMatchObject({ traceParent: trace });
    expect(parsePublication(text, options)[0]).not.toHaveProperty("traceParent");
    expect(traceParentOf(trace)).toBe(trace);
    const zeros = `00-${"0".repeat(32)}-b7ad6b7169203331-01`;
    for (const bad of [`ff${trace.slice(2)}`, trace.toUpperCase(), zeros, `${trace}-x`, 7, undefined]) {
      expect(traceParentOf(bad)).toBeUndefined();
    }
  });

  it("takes bytes that are not JSON in base64", () => {
    const [draft] = parsePublication('{"topic":"a","data_base64":"AP8=","datacontenttype":"image/png"}', options);
    const event = new StoredEvent({ ...(draft as NonNullable<typeof draft>), epoch: "e", position: 1 });
    expect(JSON.parse(event.json)).toMatchObject({ datacontenttype: "image/png", data_base64: "AP8=" });
  });

  it.each([
    ["{", { code: "invalid-json" }],
    ['{"topic":"a","data":NaN}', { code: "invalid-json" }],
    ['{"topic":"a","data":1} x', { code: "invalid-json" }],
    ["[]", { code: "invalid-event" }],
    ["7", { code: "invalid-event" }],
    ["null", { code: "invalid-event" }],
    ['{"data":1}', { code: "invalid-event", field: "topic" }],
    ['{"topic":"a b","data":1}', { code: "invalid-topic", field: "topic" }],
    ['{"topic":"a"}', { code: "invalid-event", field: "data" }],
    ['{"topic":"a","data":1,"typ":"x"}', { code: "invalid-event", field: "typ" }],
    ['{"topic":"a","data":1,"id":"a.b"}', { code: "invalid-event", field: "id" }],
    ['{"topic":"a","data":1,"type":"a b"}', { code: "invalid-event", field: "type" }],
    ['{"topic":"a","data":1,"time":"yesterday"}', { code: "invalid-event", field: "time" }],
    ['{"topic":"a","data":1,"time":"2026-02-30T00:00:00Z"}', { code: "invalid-event", field: "time" }],
    ['{"topic":"a","data":1,"time":"2026-11-23T24:00:00Z"}', { code: "invalid-event", field: "time" }],
    ['{"topic":"a","data":1,"time":"9999-12-31T23:59:59-01:00"}', { code: "invalid-event", field: "time" }],
    ['{"topic":"a","data":1,"time":"0000-01-01T00:00:00+01:00"}', { code: "invalid-event", field: "time" }],
    ['{"topic":"a","data_base64":"?"}', { code: "invalid-event", field: "data_base64" }],
    [`{"topic":"a","data":"${"x".repeat(1000)}"}`, { code: "too-large", field: "data" }],
    [`{"topic":"a","data":"${"é".repeat(500)}"}`, { code: "too-large", field: "data" }],
    ['[{"topic":"a","data":1},{"topic":"","data":1}]', { code: "invalid-topic", field: "topic", index: 1 }],
  ])("refuses %s", (text, expected) => {
    expect(fault(text)).toMatchObject(expected);
  });

  it("refuses more than a thousand events", () => {
    const batch = JSON.stringify(Array.from({ length: 1001 }, () => ({ topic: "a", data: 1 })));
    expect(fault(batch)).toMatchObject({ code: "invalid-event" });
  });
});
