import { describe, expect, it } from 'vitest';
import type { Node } from '../api/generated/types.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { createAuthority } from '../pki/issue.ts';
import { certificateReport, nodeReport, parseChecks } from './status.ts';

describe('a status report', () => {
  it('reads the checks of a verbose health answer', () => {
    const text = '[+]ping ok\n[-]informers failed: not yet\nreadyz check failed\n';
    expect(parseChecks('readyz', text)).toEqual([
      { endpoint: 'readyz', name: 'ping', ok: true },
      { endpoint: 'readyz', name: 'informers', ok: false },
    ]);
    expect(parseChecks('livez', 'ok')).toEqual([]);
  });

  it('says of a node whether it is ready, and why not', () => {
    const node = (status: object): Node => ({ metadata: { name: 'n1' }, spec: { podCIDR: '10.244.0.0/24' }, status });
    const ready = nodeReport(
      node({
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '172.30.0.11' }],
        nodeInfo: { kubeletVersion: 'v1', containerRuntimeVersion: 'containerd://1' },
      }),
    );
    expect(ready).toEqual({
      name: 'n1',
      ready: true,
      address: '172.30.0.11',
      podCIDR: '10.244.0.0/24',
      version: 'v1',
      runtime: 'containerd://1',
    });
    const conditions = [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: 'stopped posting' }];
    expect(nodeReport(node({ conditions }))).toMatchObject({ ready: false, reason: 'stopped posting' });
    expect(nodeReport(node({}))).toMatchObject({ ready: false, reason: 'it has not reported yet' });
  });

  it('knows a certificate that is valid, due for renewal and expired', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1));
    const dayMs = 86_400_000;
    const { cert } = await createAuthority('x', { notBeforeMs: clock.now(), notAfterMs: clock.now() + 100 * dayMs });
    const report = () => certificateReport({ name: 'x', file: '/x' }, cert, clock);
    expect(report()).toEqual({
      name: 'x',
      file: '/x',
      notBefore: '2026-01-01T00:00:00.000Z',
      notAfter: '2026-04-11T00:00:00.000Z',
      daysLeft: 100,
      state: 'valid',
    });
    await clock.advance(81 * dayMs);
    expect(report()).toMatchObject({ daysLeft: 19, state: 'renewal due' });
    await clock.advance(19 * dayMs);
    expect(report()).toMatchObject({ daysLeft: 0, state: 'expired' });
  });
});
