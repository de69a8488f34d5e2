/** discovery.k8s.io: columns. */
import type { EndpointSlice } from '../generated/types.ts';
import { age, columns, field, firstOf, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

export const endpointSlice = defineStrategy<EndpointSlice>({
  cells: columns<EndpointSlice>({
    Name: name,
    AddressType: field('addressType'),
    Ports: ({ ports }) =>
      firstOf(
        (ports ?? []).map((p) => String(p.port ?? p.name ?? '*')),
        3,
      ) || '<unset>',
    Endpoints: ({ endpoints }) =>
      firstOf(
        (endpoints ?? []).flatMap((e) => e.addresses),
        3,
      ) || '<unset>',
    Age: age,
  }),
});
