/**
 * DescribeCluster, 0–2: the cluster's id, brokers and controller.
 *
 * This listener's endpoint type is brokers (1): a client that wants controllers (2) gets MISMATCHED_ENDPOINT_TYPE, one that
 * wants anything else UNSUPPORTED_ENDPOINT_TYPE. No broker is ever fenced: a registered broker's object wakes when it is called.
 */
import { ErrorCode } from "#protocol/errors.ts";
import { DescribeClusterRequest, DescribeClusterResponse } from "#protocol/messages/60-describe-cluster.ts";
import { clusterOperations, NOT_ASKED } from "../authorized-operations.ts";
import { handler } from "../handler.ts";

const EndpointType = { BROKER: 1, CONTROLLER: 2 } as const;

export const describeCluster = handler({
  request: DescribeClusterRequest,
  response: DescribeClusterResponse,
  min: 0,
  max: 2,
  handle(context, request) {
    if (request.endpointType === EndpointType.CONTROLLER) {
      return {
        errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE,
        errorMessage: "This listener belongs to a broker; the request wants a controller.",
      };
    }
    if (request.endpointType !== EndpointType.BROKER) {
      return {
        errorCode: ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
        errorMessage: `There is no endpoint type ${request.endpointType}.`,
      };
    }
    const { image } = context.broker.cluster;
    return {
      errorMessage: null,
      endpointType: EndpointType.BROKER,
      clusterId: image.clusterId,
      controllerId: image.controllerId,
      brokers: image.brokers.map(({ id, host, port, rack }) => ({ brokerId: id, host, port, rack, isFenced: false })),
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations(context) : NOT_ASKED,
    };
  },
});
