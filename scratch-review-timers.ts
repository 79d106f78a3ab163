import { up, WireClient, frame, raw, sleep, rssMb } from "./scratch-review-lib.ts";
import { JoinGroupRequest, JoinGroupResponse } from "#protocol/messages/11-join-group.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { MetadataRequest, MetadataResponse } from "#protocol/messages/03-metadata.ts";
const k = await up();
try {
  const c = await WireClient.connect(k.kafka);
  await c.call(MetadataRequest, MetadataResponse, 9, { topics: [{ name: "t" }], allowAutoTopicCreation: true } as any);
  console.log("coord", JSON.stringify(await c.call(FindCoordinatorRequest, FindCoordinatorResponse, 3, { key: "g", keyType: 0 })));
  const t0 = Date.now();
  let bytes = 0;
  for (let i = 0; i < 10_050; i++) {
    const draft: any = { groupId: "g" + (i % 3), sessionTimeoutMs: 1_800_000, rebalanceTimeoutMs: 1000, memberId: "", protocolType: "consumer", protocols: [{ name: "p", metadata: new Uint8Array(1) }] };
    bytes += 60;
    const r: any = await c.call(JoinGroupRequest, JoinGroupResponse, 5, draft);
    if (r === "closed" || r.errorCode !== 79) { console.log("join", i, JSON.stringify(r)?.slice(0, 200)); break; }
  }
  console.log("joins took", Date.now() - t0, "ms");
  const victim = await WireClient.connect(k.kafka);
  const f: any = await victim.call(FetchRequest, FetchResponse, 11, { maxWaitMs: 500, minBytes: 1, maxBytes: 1000, topics: [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }] } as any);
  console.log("another client's ordinary parked fetch:", JSON.stringify(f)?.slice(0, 200));
  const v2 = await WireClient.connect(k.kafka);
  const j: any = await v2.call(JoinGroupRequest, JoinGroupResponse, 5, { groupId: "other", sessionTimeoutMs: 10000, rebalanceTimeoutMs: 1000, memberId: "", protocolType: "consumer", protocols: [{ name: "p", metadata: new Uint8Array(1) }] } as any);
  console.log("another client's join:", JSON.stringify(j)?.slice(0, 200));
  console.log(k.output().slice(-1500));
} finally { await k.stop(); process.exit(0); }
