import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../api/resource.ts';
import { LmdbJournal } from '../../store/lmdb/lmdb-journal.ts';
import { toBytes } from '../../store/version.ts';
import { layoutOf } from '../network/layout.ts';
import { moveState } from './move-state.ts';
import { readdressed, translation } from './readdress.ts';

const networks = (index: number) => layoutOf({ name: 'a', index, nodes: [] });
const translate = translation(networks(0), networks(3));

describe('addresses of one cluster in the networks of another', () => {
  it.each([
    ['10.96.12.34', '10.99.12.34'],
    ['10.96.0.0/16', '10.99.0.0/16'],
    ['10.244.2.0/24', '10.241.2.0/24'],
    ['172.30.0.11', '172.30.3.11'],
    ['172.30.1.11', '172.30.1.11'],
    ['10.9.6.1', '10.9.6.1'],
    ['None', 'None'],
    ['see 10.96.0.1', 'see 10.96.0.1'],
    ['2001:db8::1', '2001:db8::1'],
  ])('%s becomes %s', (from, to) => {
    expect(translate(from)).toBe(to);
    expect(translation(networks(3), networks(0))(to)).toBe(from);
  });

  it('move where the cluster has given them, and stay where a person has written them', () => {
    const service = {
      metadata: { name: 'web', annotations: { note: '10.96.0.9' } },
      spec: { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], externalIPs: ['10.96.0.9'], ports: [{ port: 80 }] },
    } as KubeObject;
    expect(readdressed('services', service, translate)).toEqual({
      metadata: { name: 'web', annotations: { note: '10.96.0.9' } },
      spec: { clusterIP: '10.99.0.9', clusterIPs: ['10.99.0.9'], externalIPs: ['10.96.0.9'], ports: [{ port: 80 }] },
    });
    const slice = { metadata: { name: 's' }, endpoints: [{ addresses: ['10.244.0.5'], nodeName: 'n1' }] } as KubeObject;
    expect(readdressed('endpointslices.discovery.k8s.io', slice, translate)).toMatchObject({
      endpoints: [{ addresses: ['10.241.0.5'], nodeName: 'n1' }],
    });
    const config = { metadata: { name: 'c' }, data: { ip: '10.96.0.9' } } as KubeObject;
    expect(readdressed('configmaps', config, translate)).toBeUndefined();
    const headless = { metadata: { name: 'h' }, spec: { clusterIP: 'None' } } as KubeObject;
    expect(readdressed('services', headless, translate)).toBeUndefined();
  });
});

describe('moveState', () => {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-move-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('writes what moves, under its new name where the name is the address, and leaves the rest', async () => {
    const objects: [resource: string, key: string, object: object, fields?: Record<string, string>][] = [
      ['services', 'd/web', { spec: { clusterIP: '10.96.0.9' } }, { 'spec.clusterIP': '10.96.0.9' }],
      ['ipaddresses.networking.k8s.io', '10.96.0.9', { spec: {} }],
      ['configmaps', 'd/c', { data: { ip: '10.96.0.9' } }],
      ['nodes', '172.30.0.11', { spec: { podCIDR: '10.244.0.0/24' } }],
    ];
    const journal = new LmdbJournal(folder);
    await journal.load();
    const changes = objects.map(([resource, key, object, fields], i) => {
      const [name, namespace] = key.split('/').reverse();
      const bytes = toBytes(JSON.stringify({ metadata: { name, namespace, resourceVersion: `${i + 1}` }, ...object }));
      const version = { resource, key, revision: i + 1, uid: key, labels: { l: 'v' }, fields, bytes };
      return { version, deleted: false, previous: undefined };
    });
    await journal.append(changes, { compacted: 0, drop: [] });
    await journal.close();

    expect(await moveState(folder, translate)).toBe(4);
    expect(await moveState(folder, translate)).toBe(0);

    const again = new LmdbJournal(folder);
    const { current, revision } = await again.load();
    const found = Object.fromEntries([...current].map((version) => [version.key, version]));
    await again.close();
    expect(revision).toBe(8);
    expect(Object.keys(found).sort()).toEqual(['10.99.0.9', '172.30.0.11', 'd/c', 'd/web']);
    const read = (key: string) => JSON.parse(found[key]?.bytes.toString() ?? '');
    expect(read('d/web')).toMatchObject({ metadata: { name: 'web' }, spec: { clusterIP: '10.99.0.9' } });
    expect(read('d/web').metadata.resourceVersion).toBe(String(found['d/web']?.revision));
    expect(found['d/web']).toMatchObject({
      uid: 'd/web',
      labels: { l: 'v' },
      fields: { 'spec.clusterIP': '10.99.0.9' },
    });
    expect(read('10.99.0.9').metadata.name).toBe('10.99.0.9');
    expect(read('172.30.0.11')).toMatchObject({
      metadata: { name: '172.30.0.11' },
      spec: { podCIDR: '10.241.0.0/24' },
    });
    expect(found['d/c']?.revision).toBe(3);
  });
});
