import { describe, expect, it } from "vitest";
import { HELP, parseFlags, UsageError } from "#cli/flags.ts";

describe("flags of npm start", () => {
  it("has Kafka's and wrangler's ports, this machine alone and a kept directory as defaults", () => {
    expect(parseFlags([])).toEqual({
      kafkaPort: 9092,
      httpPort: 8787,
      host: "127.0.0.1",
      advertisedHost: "127.0.0.1",
      dataDir: ".kedge",
      s3: undefined,
      help: false,
    });
  });

  it("takes all of them, with = or a blank", () => {
    const args = [
      "--kafka-port=0",
      "--http-port",
      "80",
      "--host",
      "::1",
      "--advertised-host=kedge.test",
      "--data",
      "a b",
    ];
    expect(parseFlags(args)).toMatchObject({
      kafkaPort: 0,
      httpPort: 80,
      host: "::1",
      advertisedHost: "kedge.test",
      dataDir: "a b",
    });
    expect(parseFlags(["--ephemeral"]).dataDir).toBeUndefined();
    expect(parseFlags(["-h"]).help).toBe(true);
  });

  it("advertises the host that it listens on, or this machine for a wildcard, to which nobody can connect", () => {
    expect(parseFlags(["--host", "10.0.0.1"]).advertisedHost).toBe("10.0.0.1");
    expect(parseFlags(["--host", "0.0.0.0"]).advertisedHost).toBe("127.0.0.1");
  });

  it("takes an IPv6 address with and without brackets", () => {
    expect(parseFlags(["--host", "[::1]"])).toMatchObject({ host: "::1", advertisedHost: "::1" });
    expect(parseFlags(["--host=[::]"])).toMatchObject({ host: "::", advertisedHost: "127.0.0.1" });
    expect(parseFlags(["--advertised-host=[2001:db8::7]"]).advertisedHost).toBe("2001:db8::7");
    expect(parseFlags(["--advertised-host", "2001:db8::7"]).advertisedHost).toBe("2001:db8::7");
  });

  it.each([
    "kafka.example.com:9092",
    "127.0.0.1:9092",
    "[::1]:9092",
    "[kafka]",
    "kafka://kafka.example.com",
    "kafka.example.com/rack",
    "kafka one",
    "one,two",
    "1@one",
    "",
  ])("takes hosts without a port, not %j", (host) => {
    for (const flag of ["--host", "--advertised-host"]) {
      expect(() => parseFlags([flag, host])).toThrow(
        new UsageError(`${flag} takes a host without a port, not "${host}"`),
      );
    }
  });

  it("takes an S3 store with its bucket behind it", () => {
    const s3 = (url: string) => parseFlags(["--s3", url]).s3;
    expect(s3("http://127.0.0.1:9000/kedge")).toEqual({ endpoint: "http://127.0.0.1:9000", bucket: "kedge" });
    expect(s3("https://s3.example.org/behind/kedge/")).toEqual({
      endpoint: "https://s3.example.org/behind",
      bucket: "kedge",
    });
  });

  it.each([
    [["--s3", "s3.example.org/kedge"]],
    [["--s3", "https://s3.example.org"]],
    [["--s3", "https://key:secret@s3.example.org/kedge"]],
    [["--s3", ""]],
    [["--nope"]],
    [["extra"]],
    [["--kafka-port"]],
    [["--kafka-port", "x"]],
    [["--kafka-port", "65536"]],
    [["--http-port=-1"]],
    [["--http-port", ""]],
    [["--host", ""]],
    [["--advertised-host", "a,2@b"]],
    [["--data", ""]],
    [["--data", "x", "--ephemeral"]],
  ])("refuses %j", (args) => {
    expect(() => parseFlags(args)).toThrow(UsageError);
  });

  it("names every flag in its help", () => {
    for (const flag of [
      "--kafka-port",
      "--http-port",
      "--host",
      "--advertised-host",
      "--data",
      "--ephemeral",
      "--help",
    ]) {
      expect(HELP).toContain(flag);
    }
  });
});
