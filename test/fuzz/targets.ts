import type { FuzzTarget } from "./fuzzer.ts";

/** Every parser that takes bytes from outside. Loaded late: coverage counts only what is loaded after it began. */
export async function loadTargets(): Promise<readonly FuzzTarget[]> {
  const { messagesTarget } = await import("./targets/messages.ts");
  const { lz4Target, recordScanTarget, snappyTarget } = await import("./targets/kernels.ts");
  const { producedBatchTarget, readBatchesTarget } = await import("./targets/records.ts");
  const stored = await import("./targets/stored.ts");
  const { jsonTarget, produceBodyTarget, textTarget } = await import("./targets/http.ts");
  const { requestsTarget } = await import("./targets/requests.ts");
  return [
    await messagesTarget(),
    requestsTarget(),
    producedBatchTarget,
    readBatchesTarget,
    recordScanTarget,
    lz4Target,
    snappyTarget,
    stored.groupLogTarget,
    stored.transactionLogTarget,
    stored.consumerProtocolTarget,
    stored.snapshotTarget,
    produceBodyTarget,
    jsonTarget,
    textTarget,
  ];
}
