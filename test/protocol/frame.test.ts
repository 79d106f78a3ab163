import { describe, expect, it } from "vitest";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { encodeRequestFrame, encodeResponseFrame, FRAME_SIZE_BYTES } from "#protocol/frame.ts";
import { decodeRequestHeader, decodeResponseHeader } from "#protocol/header.ts";
import { FetchResponse } from "#protocol/messages/01-fetch.ts";
import { HeartbeatRequest, HeartbeatResponse } from "#protocol/messages/12-heartbeat.ts";
import { ApiVersionsRequest, ApiVersionsResponse } from "#protocol/messages/18-api-versions.ts";

function header(hex: string) {
  return decodeRequestHeader(new Reader(Buffer.from(hex, "hex")));
}

describe("a request frame", () => {
  it.each([3, 4])("of version %i is read back", (apiVersion) => {
    const writer = new Writer();
    encodeRequestFrame(writer, HeartbeatRequest, { apiVersion, correlationId: 77, clientId: "me" }, { groupId: "g" });
    const reader = new Reader(writer.finish());
    expect(reader.int32()).toBe(writer.size - FRAME_SIZE_BYTES);
    expect(decodeRequestHeader(reader)).toEqual({ apiKey: 12, apiVersion, correlationId: 77, clientId: "me" });
    expect(HeartbeatRequest.decode(reader, apiVersion).groupId).toBe("g");
    expect(reader.remaining).toBe(0);
  });

  it("may have no client id", () => {
    const writer = new Writer();
    encodeRequestFrame(writer, ApiVersionsRequest, { apiVersion: 0, correlationId: 1, clientId: null }, {});
    expect(Buffer.from(writer.finish()).toString("hex")).toBe("0000000a0012000000000001ffff");
  });
});

describe("a request header", () => {
  it("of an unsupported version is read all the same: dispatch answers", () => {
    expect(header("0012 0063 00000001 0001 61 00".replaceAll(" ", ""))).toEqual({
      apiKey: ApiKey.ApiVersions,
      apiVersion: 99,
      correlationId: 1,
      clientId: "a",
    });
    expect(header("0000ffff00000001ffff").apiVersion).toBe(-1);
  });

  it("skips tagged fields", () => {
    expect(header("0012000300000001ffff020001aa0102bbcc").correlationId).toBe(1);
  });

  it.each([
    ["an unknown API", "7fff000000000001ffff"],
    ["a negative API", "ffff000000000001ffff"],
    ["an API of the past", "0004000000000001ffff"],
    ["nothing", ""],
    ["a cut-off client id", "00000000000000010005aa"],
    ["a cut-off tag", "0012000300000001ffff010009aa"],
    ["a lying tag count", "0012000300000001ffffffffffff0f0000"],
  ])("with %s is malformed", (_name, hex) => {
    expect(() => header(hex)).toThrow(MalformedMessageError);
  });
});

describe("a response frame", () => {
  it("has tags in its header when the version is flexible, but never for ApiVersions", () => {
    const frame = (encode: (writer: Writer) => void) => {
      const writer = new Writer();
      encode(writer);
      return Buffer.from(writer.finish()).toString("hex");
    };
    const head = (apiVersion: number) => ({ apiVersion, correlationId: 5 });
    expect(frame((w) => encodeResponseFrame(w, HeartbeatResponse, head(3), {}))).toBe("0000000a00000005000000000000");
    expect(frame((w) => encodeResponseFrame(w, HeartbeatResponse, head(4), {}))).toBe(
      "0000000c0000000500000000000000" + "00",
    );
    expect(frame((w) => encodeResponseFrame(w, ApiVersionsResponse, head(3), {}))).toBe(
      "0000000c0000000500000100000000" + "00",
    );
  });

  it("gives its correlation id back", () => {
    const writer = new Writer();
    encodeResponseFrame(writer, HeartbeatResponse, { apiVersion: 4, correlationId: 5 }, { errorCode: 27 });
    const reader = new Reader(writer.finish(), FRAME_SIZE_BYTES);
    expect(decodeResponseHeader(reader, ApiKey.Heartbeat, 4)).toBe(5);
    expect(HeartbeatResponse.decode(reader, 4).errorCode).toBe(27);
  });

  it("carries records uncopied when the writer splices", () => {
    const records = new Uint8Array(1000).fill(1);
    const draft = { responses: [{ topic: "t", partitions: [{ records: [records, records] }] }] };
    const splicing = new Writer(64, 512);
    encodeResponseFrame(splicing, FetchResponse, { apiVersion: 11, correlationId: 1 }, draft);
    const segments = splicing.segments();
    expect(segments.filter((segment) => segment === records).length).toBe(2);
    const copying = new Writer();
    encodeResponseFrame(copying, FetchResponse, { apiVersion: 11, correlationId: 1 }, draft);
    expect(Buffer.concat(segments)).toEqual(Buffer.from(copying.finish()));
    expect(new Reader(segments[0]).int32()).toBe(splicing.size - FRAME_SIZE_BYTES);
  });
});
