import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseProduce } from "#rest/produce-request.ts";
import { utf8 } from "../doubles/rest-cluster.ts";

const formats = fc.constantFrom("json" as const, "binary" as const);
const anyField = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constant(undefined), fc.integer(), fc.base64String());
const anyRecord = fc.oneof(fc.record({ key: anyField, value: anyField, partition: anyField }), fc.jsonValue());

describe("parseProduce", () => {
  it("takes any bytes with an outcome", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), formats, (body, format) => {
        const parsed = parseProduce(body, { format, partition: null });
        if (!parsed.ok) expect([400, 422]).toContain(parsed.problem.status);
      }),
    );
  });

  it("takes any JSON with an outcome, and gives back every record of a request that it takes", () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 4 }), formats, (records, format) => {
        const body = utf8(JSON.stringify({ records }));
        const parsed = parseProduce(body, { format, partition: null });
        if (!parsed.ok) {
          expect([400, 422]).toContain(parsed.problem.status);
          return;
        }
        const sent = JSON.parse(JSON.stringify(records));
        expect(parsed.records).toHaveLength(sent.length);
        for (const [index, { value, partition }] of parsed.records.entries()) {
          expect(partition).toBe(sent[index].partition ?? null);
          const stored = value === null ? null : new TextDecoder().decode(value);
          if (format === "json") expect(stored === null ? null : JSON.parse(stored)).toEqual(sent[index].value ?? null);
        }
      }),
    );
  });
});
