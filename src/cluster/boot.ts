import type { Uuid } from "#bytes/uuid.ts";
import type { BrokerImage, ConfigValues } from "#ports/controller.ts";
import { brokerConfig } from "./broker-configs.ts";
import { parseConfigValue } from "./config-definition.ts";
import { quoted } from "./limits.ts";
import type { ClusterRecord, ClusterState } from "./state.ts";

/** What the operator says about the cluster, where it is started. */
export interface ClusterSetup {
  readonly brokers: readonly BrokerImage[];
  readonly staticBrokerConfigs: ConfigValues;
}

/** Brings the stored cluster up to what the operator says; a cluster that isn't stored yet is born with this id. */
export function decideBoot(state: ClusterState, setup: ClusterSetup, newClusterId: Uuid): readonly ClusterRecord[] {
  const records: ClusterRecord[] = [];
  if (state.clusterId === null) records.push({ kind: "cluster", clusterId: newClusterId });
  const brokers = [...setup.brokers].sort((a, b) => a.id - b.id);
  if (JSON.stringify(brokers) !== JSON.stringify([...state.brokers.values()]))
    records.push({ kind: "brokers", brokers });
  if (JSON.stringify(setup.staticBrokerConfigs) !== JSON.stringify(state.staticBrokerConfigs)) {
    records.push({ kind: "static-configs", configs: setup.staticBrokerConfigs });
  }
  return records;
}

const BROKER = /^(\d{1,9})@(\[[0-9a-fA-F:.]+\]|[^:@\s]+):(\d{1,5})$/;
const MAX_PORT = 65_535;

/**
 * Reads `KEDGE_BROKERS`: `id@host:port`, separated by commas, each with its rack behind a slash if it has one
 * (`1@127.0.0.1:9092,2@kafka.example:9093/eu-west`).
 *
 * @throws Error when it can't be read: a mistake of the operator, not of a client.
 */
export function parseBrokers(text: string): BrokerImage[] {
  const brokers = text.split(",").map((part): BrokerImage => {
    const [address, rack] = part.trim().split("/", 2);
    const match = BROKER.exec(address);
    if (match === null || Number(match[3]) > MAX_PORT) throw new Error(`KEDGE_BROKERS: '${part}' is not id@host:port`);
    return { id: Number(match[1]), host: match[2].replace(/^\[|\]$/g, ""), port: Number(match[3]), rack: rack ?? null };
  });
  if (new Set(brokers.map((broker) => broker.id)).size < brokers.length) {
    throw new Error("KEDGE_BROKERS: a broker id is given twice");
  }
  return brokers;
}

/**
 * Reads `KEDGE_CONFIGS`: broker configs as `name=value`, separated by semicolons.
 *
 * @throws Error when a config is unknown or its value is not valid.
 */
export function parseStaticConfigs(text: string): ConfigValues {
  const configs: Record<string, string> = {};
  for (const part of text.split(";")) {
    if (part.trim() === "") continue;
    const at = part.indexOf("=");
    const name = part.slice(0, at).trim();
    if (at < 0) throw new Error(`KEDGE_CONFIGS: ${quoted(part.trim())} is not of the form name=value`);
    const definition = brokerConfig(name);
    if (definition === undefined) {
      throw new Error(
        `KEDGE_CONFIGS: there is no broker config ${quoted(name)}, docs/support.md names all that there are`,
      );
    }
    const parsed = parseConfigValue(definition, part.slice(at + 1));
    if (!parsed.ok) throw new Error(`KEDGE_CONFIGS: ${parsed.problem}`);
    configs[name] = parsed.value;
  }
  return configs;
}
