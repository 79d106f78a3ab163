import type { Head } from "./handler-heads.ts";
import { KAFKA_APIS } from "./kafka-apis.ts";

interface Config {
  readonly name: string;
  readonly defaultValue: string | null;
  readonly effect:
    | { readonly kind: "yes"; readonly limit?: string }
    | { readonly kind: "none"; readonly reason: string };
}

export interface Support {
  readonly heads: readonly Head[];
  readonly topicConfigs: readonly Config[];
  readonly brokerConfigs: readonly Config[];
  readonly groupConfigs: readonly Config[];
}

/** docs/support.md. */
export function supportPage({ heads, topicConfigs, brokerConfigs, groupConfigs }: Support): string {
  const served = new Map(heads.map((head) => [head.apiKey, head]));
  const missing = KAFKA_APIS.filter(([key]) => !served.has(key));
  return `# What Kedge supports

Written by \`npm run support\` from the registered handlers and the config tables. Don't edit it by hand: the gate compares.

## APIs

Kedge serves ${served.size} of the ${KAFKA_APIS.length} APIs of an Apache Kafka 4.4 broker. Versions are those that a handler serves; Kafka's stand beside them.

| key | API | Kedge | Kafka 4.4 | what it does | how it departs from Kafka |
|---:|---|---|---|---|---|
${KAFKA_APIS.flatMap(([key, , versions]) => apiRow(served.get(key), versions)).join("\n")}

### Not yet

Not advertised, and a request for them closes the connection, as in Kafka.

${missing.map(([key, name, versions]) => `- ${name} (key ${key}, Kafka: ${versions})`).join("\n")}

## Topic configs

All are accepted, checked, stored and described. ${counted(topicConfigs)}

${configTable(topicConfigs)}

## Broker configs

${counted(brokerConfigs)}

${configTable(brokerConfigs)}

## Group configs

${counted(groupConfigs)}

${configTable(groupConfigs)}
`;
}

function apiRow(head: Head | undefined, kafkaVersions: string): string[] {
  if (!head) return [];
  const name = `[${head.name}](../${head.file})`;
  return [
    `| ${head.apiKey} | ${name} | ${head.versions} | ${kafkaVersions} | ${cell(head.summary)} | ${cell(head.departures ?? "")} |`,
  ];
}

function counted(configs: readonly Config[]): string {
  return `${configs.filter(({ effect }) => effect.kind === "yes").length} of ${configs.length} have an effect so far.`;
}

function configTable(configs: readonly Config[]): string {
  const rows = configs.map(({ name, defaultValue, effect }) => {
    const acts = effect.kind === "none" ? `no: ${effect.reason}` : effect.limit ? `yes; ${effect.limit}` : "yes";
    return `| \`${name}\` | ${defaultValue === null || defaultValue === "" ? "" : `\`${cell(defaultValue)}\``} | ${cell(acts)} |`;
  });
  return ["| config | default | has an effect |", "|---|---|---|", ...rows].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
