import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../api/generated/types.ts';
import { controllers } from './controllers.ts';
import { surplus } from './pod/terminated-garbage.ts';
import { upstreamControllers } from './upstream.ts';

interface Fact {
  name: string;
  disabledByDefault?: boolean;
  cloudProvider?: boolean;
  requiredFeatureGates?: string[];
}
interface Gate {
  name: string;
  default: boolean;
}

describe('the list of controllers', () => {
  const all = controllers({ rootCaPem: '', podCidr: '10.0.0.0/8', authority: {} as never }).map((c) => c.name);

  it('has a row for every default one of the facts, and no other', () => {
    const path = new URL('../../facts/rbac-bootstrap.json', import.meta.url);
    const facts = JSON.parse(readFileSync(path, 'utf8')) as { controllers: Fact[]; featureGates: Gate[] };
    const off = new Set(facts.featureGates.filter((g) => !g.default).map((g) => g.name));
    const byDefault = facts.controllers
      .filter((c) => !c.disabledByDefault && !c.cloudProvider && !c.requiredFeatureGates?.some((g) => off.has(g)))
      .map((c) => c.name);
    expect(Object.keys(upstreamControllers).sort()).toEqual(byDefault.sort());
  });

  it('names each of ours once, and only those that are there', () => {
    const named = Object.values(upstreamControllers).flat();
    expect(named.filter((name) => !all.includes(name))).toEqual([]);
    // Off by default in kube-controller-manager, on wherever nodes join by tokens.
    expect(all.filter((name) => !named.includes(name))).toEqual(['bootstraptoken.cleanup']);
    expect(new Set(all).size).toBe(all.length);
  });
});

it('of pods that have ended the evicted go first, then the oldest', () => {
  const pod = (name: string, reason?: string): Pod =>
    ({ metadata: { name, creationTimestamp: `2026-01-0${name}T00:00:00Z` }, status: { reason } }) as Pod;
  const gone = surplus([pod('3'), pod('1'), pod('2'), pod('4', 'Evicted')], 2);
  expect(gone.map((p) => p.metadata.name)).toEqual(['4', '1']);
});
