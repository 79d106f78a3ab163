import type { Subject } from "../kernels/subject.ts";

export const portablePeers: readonly Subject[];
export function lz4WasmPeer(lz4Wasm: object): Subject;
