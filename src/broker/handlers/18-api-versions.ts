/**
 * ApiVersions, 0–5: which APIs this broker serves, computed from the registered handlers.
 *
 * An unsupported version is answered in version 0 with UNSUPPORTED_VERSION and the range of ApiVersions itself, from
 * which a client takes the version to try again with (KIP-511). A client's name and version must look like one.
 * Version 5 may say which cluster and node the client expects; it is sent back to its bootstrap servers on a mismatch
 * (KIP-1242). Features and their levels are those of `src/cluster/features.ts`; before version 4 a feature that may be at
 * level 0 isn't named, since those clients refuse it.
 */
import { FEATURES, type Feature, FINALIZED_FEATURES_EPOCH } from "#cluster/features.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ApiVersionsRequest, ApiVersionsResponse } from "#protocol/messages/18-api-versions.ts";
import type { Draft } from "#protocol/schema.ts";
import type { Broker } from "../broker.ts";
import { type Handler, handler } from "../handler.ts";

const CLIENT_SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;
const MAX_CLIENT_SOFTWARE_LENGTH = 256;
const FIRST_VERSION_WITH_SOFTWARE = 3;
const FIRST_VERSION_WITH_LEVEL_ZERO = 4;
const FIRST_VERSION_WITH_TARGET = 5;
const ANY_NODE = -1;

export const apiVersions = handler({
  request: ApiVersionsRequest,
  response: ApiVersionsResponse,
  min: 0,
  max: 5,
  handle({ broker, apiVersion }, request) {
    if (apiVersion >= FIRST_VERSION_WITH_SOFTWARE) {
      const named = isSoftware(request.clientSoftwareName) && isSoftware(request.clientSoftwareVersion);
      if (!named) return { errorCode: ErrorCode.INVALID_REQUEST };
    }
    if (apiVersion >= FIRST_VERSION_WITH_TARGET && !isTarget(broker, request)) {
      return { errorCode: ErrorCode.REBOOTSTRAP_REQUIRED };
    }
    const hasLevelZero = apiVersion >= FIRST_VERSION_WITH_LEVEL_ZERO;
    const features = FEATURES.filter(({ minLevel }) => hasLevelZero || minLevel > 0);
    return {
      apiKeys: [...broker.handlers.values()].map(rangeOf),
      supportedFeatures: features.map(supported),
      finalizedFeaturesEpoch: FINALIZED_FEATURES_EPOCH,
      finalizedFeatures: FEATURES.filter(({ finalizedLevel }) => finalizedLevel > 0).map(finalized),
    };
  },
});

/** The answer to a version that isn't served; its shape is that of version 0. */
export function unsupportedApiVersions(broker: Broker): Draft<ApiVersionsResponse> {
  const own = broker.handlers.get(ApiKey.ApiVersions);
  return { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys: own === undefined ? [] : [rangeOf(own)] };
}

function rangeOf({ apiKey, min, max, advertisedMin }: Handler) {
  return { apiKey, minVersion: advertisedMin ?? min, maxVersion: max };
}

function supported({ name, minLevel, maxLevel }: Feature) {
  return { name, minVersion: minLevel, maxVersion: maxLevel };
}

function finalized({ name, finalizedLevel }: Feature) {
  return { name, minVersionLevel: finalizedLevel, maxVersionLevel: finalizedLevel };
}

function isSoftware(text: string): boolean {
  return text.length <= MAX_CLIENT_SOFTWARE_LENGTH && CLIENT_SOFTWARE.test(text);
}

function isTarget(broker: Broker, request: ApiVersionsRequest): boolean {
  const { clusterId, nodeId } = request;
  if (clusterId !== null && clusterId !== broker.cluster.image.clusterId) return false;
  return nodeId === ANY_NODE || nodeId === broker.brokerId;
}
