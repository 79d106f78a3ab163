import type { Subject } from "../kernels/subject.ts";

export const nodePeers: readonly Subject[];
