import { describe, expect, it } from "vitest";
import { embeddedFormatOf, negotiate } from "#rest/media.ts";

describe("embeddedFormatOf", () => {
  it.each([
    ["application/vnd.kafka.json.v2+json", "json"],
    ["application/vnd.kafka.binary.v2+json", "binary"],
    ["Application/Vnd.Kafka.JSON.v2+JSON; charset=utf-8", "json"],
    ["application/vnd.kafka.avro.v2+json", "schema"],
    ["application/vnd.kafka.jsonschema.v2+json", "schema"],
    ["application/vnd.kafka.protobuf.v2+json", "schema"],
    ["application/vnd.kafka.v2+json", null],
    ["application/vnd.kafka.xml.v2+json", null],
    ["application/json", null],
    ["", null],
    [null, null],
  ])("reads %j as %j", (contentType, format) => {
    expect(embeddedFormatOf(contentType)).toBe(format);
  });
});

describe("negotiate", () => {
  const offered = ["application/vnd.kafka.v2+json", "application/json"];

  it.each([
    [null, offered[0]],
    ["", offered[0]],
    ["*/*", offered[0]],
    ["application/*", offered[0]],
    ["application/json", offered[1]],
    ["application/json, application/vnd.kafka.v2+json", offered[0]],
    ["application/vnd.kafka.v2+json;q=0.5, application/json", offered[1]],
    ["application/vnd.kafka.v2+json;q=0, */*", offered[1]],
    ["text/html,application/xhtml+xml,*/*;q=0.8", offered[0]],
    ["APPLICATION/JSON ; q=0.1", offered[1]],
    ["text/plain", null],
    ["application/json;q=0", null],
    ["application/json;q=nonsense", null],
  ])("chooses for %j", (accept, type) => {
    expect(negotiate(accept, offered)).toBe(type);
  });
});
