import { configCases, topicCases } from "./cases/cluster.ts";
import { consumerGroupCases } from "./cases/consumer-groups.ts";
import { groupCases } from "./cases/groups.ts";
import { migrationCases } from "./cases/migration.ts";
import { apiVersionsCases, idempotenceCases, produceCases, readCases, sessionCases } from "./cases/records.ts";
import { shareFetchCases } from "./cases/share-fetch.ts";
import { shareGroupCases } from "./cases/share-groups.ts";
import { shareStateCases } from "./cases/share-state.ts";
import { streamsGroupCases } from "./cases/streams-groups.ts";
import { transactionalWriteCases } from "./cases/transactional-writes.ts";
import { transactionCases } from "./cases/transactions.ts";
import type { Session } from "./session.ts";

const CASES: Readonly<Record<string, (session: Session) => Promise<void>>> = {
  versions: apiVersionsCases,
  produce: produceCases,
  idempotence: idempotenceCases,
  read: readCases,
  sessions: sessionCases,
  groups: groupCases,
  consumers: consumerGroupCases,
  migration: migrationCases,
  transactions: transactionCases,
  transactional: transactionalWriteCases,
  shares: shareGroupCases,
  "share-fetches": shareFetchCases,
  "share-state": shareStateCases,
  streams: streamsGroupCases,
  topics: topicCases,
  configs: configCases,
};

export function allCases(only: string | undefined) {
  return Object.entries(CASES)
    .filter(([name]) => only === undefined || only.split(",").includes(name))
    .map(([, cases]) => cases);
}
