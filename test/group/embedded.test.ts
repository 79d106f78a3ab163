import { expect, it } from "vitest";
import { writeAssignment } from "#group/consumer/embedded.ts";
import { NamedTopics } from "./named-topics.ts";

it.each([
  ["nothing", [], 0],
  ["half a version", [1], 0],
  ["a version that is none", [0xff, 0xff], 0],
  ["version 2", [0, 2], 2],
])("an assignment for a member whose metadata says %s is written all the same", (_, metadata, version) => {
  const written = writeAssignment(new NamedTopics(), new Map(), Uint8Array.from(metadata));
  expect(new DataView(written.buffer, written.byteOffset).getInt16(0)).toBe(version);
});
