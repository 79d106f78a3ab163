import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { TcpTransport } from "#cli/tcp-transport.ts";
import { Client } from "#client/client.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { decodeRequestHeader, writeResponseHeader } from "#protocol/header.ts";
import { ApiVersionsResponse } from "#protocol/messages/18-api-versions.ts";
import { nodePorts } from "../../doubles/tcp-client.ts";

const CORRELATION_BYTES = 4;

/** Our client at a cluster that seems to have no features: it speaks transactions V1. */
export function withoutFeatures(bootstrap: string): { client: Client; close(): void } {
  const tcp = new TcpTransport(bootstrap);
  const exchange: TcpTransport["exchange"] = async (brokerId, frame, lane) => {
    const header = decodeRequestHeader(new Reader(frame));
    const answer = await tcp.exchange(brokerId, frame, lane);
    return header.apiKey === ApiKey.ApiVersions ? stripped(answer, header.apiVersion, header.correlationId) : answer;
  };
  const transport = {
    exchange,
    learn: tcp.learn.bind(tcp),
    release: tcp.release.bind(tcp),
    abandon: tcp.abandon.bind(tcp),
  };
  return { client: new Client({ ...nodePorts, transport }, { clientId: "kedge-v1" }), close: () => tcp.close() };
}

function stripped(answer: Uint8Array, version: number, correlationId: number): Uint8Array {
  const body = ApiVersionsResponse.decode(new Reader(answer, CORRELATION_BYTES), version);
  const writer = new Writer();
  writeResponseHeader(writer, ApiKey.ApiVersions, version, correlationId);
  ApiVersionsResponse.encode(writer, { ...body, finalizedFeatures: [], supportedFeatures: [] }, version);
  return writer.finish();
}
