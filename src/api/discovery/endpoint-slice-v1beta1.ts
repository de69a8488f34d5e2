import { defineConversion } from '../conversion.ts';
import type { DiscoveryEndpoint, DiscoveryEndpointSlice, Endpoint, EndpointSlice } from '../generated/types.ts';

const zoneLabel = 'topology.kubernetes.io/zone';
const hostLabel = 'kubernetes.io/hostname';

/** Zone and node were labels among others. A host that is not the node keeps its label. */
function endpointToStored({ topology, ...endpoint }: DiscoveryEndpoint): Endpoint {
  const { [zoneLabel]: zone, ...others } = topology ?? {};
  if (others[hostLabel] === endpoint.nodeName) delete others[hostLabel];
  const rest = Object.keys(others).length > 0 ? { deprecatedTopology: others } : {};
  return { ...endpoint, ...(zone === undefined ? {} : { zone }), ...rest };
}

function endpointFromStored({ zone, deprecatedTopology, ...endpoint }: Endpoint): DiscoveryEndpoint {
  const { nodeName } = endpoint;
  const topology = {
    ...(nodeName === undefined ? {} : { [hostLabel]: nodeName }),
    ...deprecatedTopology,
    ...(zone === undefined ? {} : { [zoneLabel]: zone }),
  };
  return { ...endpoint, ...(Object.keys(topology).length > 0 ? { topology } : {}) };
}

export const endpointSliceV1beta1 = defineConversion<DiscoveryEndpointSlice, EndpointSlice>({
  toStored: (slice) => ({ ...slice, endpoints: slice.endpoints?.map(endpointToStored) ?? [] }),
  fromStored: (slice) => ({ ...slice, endpoints: slice.endpoints?.map(endpointFromStored) ?? [] }),
});
