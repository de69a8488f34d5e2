import type { Endpoints } from '../generated/types.ts';
import { type CellRule, age, columns, firstOf, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

const hostPort = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);

const addresses: CellRule<Endpoints> = ({ subsets }) => {
  if (!subsets?.length) return '<none>';
  const texts = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map((a) => a.ip)
      : ports.flatMap(({ port }) => addresses.map((a) => hostPort(a.ip, port))),
  );
  return firstOf(texts, 3);
};

export const endpoints = defineStrategy<Endpoints>({
  deprecated: { since: '1.33', replacement: 'discovery.k8s.io/v1 EndpointSlice' },
  cells: columns<Endpoints>({ Name: name, Endpoints: addresses, Age: age }),
});
