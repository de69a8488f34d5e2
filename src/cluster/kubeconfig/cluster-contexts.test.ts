import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { realClock } from '../../base/clock.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { renderKubeconfig } from '../../pki/kubeconfig.ts';
import { type ClusterLayout, layoutOf } from '../layout.ts';
import { addContext, refreshContexts, removeContexts } from './cluster-contexts.ts';
import { changeKubeconfig, KubeconfigLockedError, userKubeconfigPath } from './user-file.ts';

const deps = { clock: realClock };
let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'knarr-kubeconfig-'));
  file = join(dir, 'user/.kube/config');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function cluster(name: string, index: number, cert = 'CERT'): ClusterLayout {
  const layout = layoutOf({ name, index, home: join(dir, 'home') });
  mkdirSync(layout.dir, { recursive: true });
  const credential = { cert, key: 'KEY' };
  const server = `https://127.0.0.1:${layout.apiPort}`;
  const text = renderKubeconfig({ clusterName: name, server, caPem: 'CA', userName: 'admin', credential });
  writeFileSync(layout.kubeconfig, text);
  return layout;
}
const names = (): string[] => parse(readFileSync(file, 'utf8')).contexts.map(({ name }: { name: string }) => name);

describe("the contexts in a person's kubeconfig", () => {
  it('come one for each cluster and go with it; the file goes with the last when it was ours', async () => {
    const [first, second] = [cluster('knarr', 0), cluster('x', 1)];
    await addContext(first, file, deps);
    await Promise.all([addContext(second, file, deps), addContext(first, file, deps)]);
    expect(names()).toEqual(['knarr', 'knarr-x']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await removeContexts(first, deps);
    expect(names()).toEqual(['knarr-x']);
    // It was there when the second cluster came: an empty file stays.
    await removeContexts(second, deps);
    expect(readFileSync(file, 'utf8')).toBe('');
    rmSync(join(dir, 'user'), { recursive: true });
    await addContext(cluster('y', 2), file, deps);
    await removeContexts(cluster('y', 2), deps);
    expect(existsSync(join(dir, 'user/.kube'))).toBe(false);
  });

  it('get renewed certificates, but do not come back once taken out', async () => {
    const layout = cluster('knarr', 0);
    await addContext(layout, file, deps);
    cluster('knarr', 0, 'RENEWED');
    await refreshContexts(layout, deps);
    const user = () => parse(readFileSync(file, 'utf8')).users[0]?.user;
    expect(user()['client-certificate-data']).toBe(Buffer.from('RENEWED').toString('base64'));
    writeFileSync(file, 'apiVersion: v1\nkind: Config\n');
    await refreshContexts(layout, deps);
    expect(readFileSync(file, 'utf8')).toBe('apiVersion: v1\nkind: Config\n');
  });

  it('are written through a link, and not into the kubeconfig of the cluster itself', async () => {
    const layout = cluster('knarr', 0);
    const real = join(dir, 'real');
    writeFileSync(real, '', { mode: 0o644 });
    mkdirSync(join(dir, 'user/.kube'), { recursive: true });
    symlinkSync(real, file);
    await addContext(layout, file, deps);
    expect(readFileSync(real, 'utf8')).toContain('knarr');
    expect(statSync(real).mode & 0o777).toBe(0o600);
    const own = readFileSync(layout.kubeconfig, 'utf8');
    await addContext(layout, layout.kubeconfig, deps);
    expect(readFileSync(layout.kubeconfig, 'utf8')).toBe(own);
  });
});

describe('changeKubeconfig', () => {
  it('waits for the lock of kubectl, and gives up on one that stays', async () => {
    mkdirSync(join(dir, 'user/.kube'), { recursive: true });
    writeFileSync(`${file}.lock`, '');
    const clock = new VirtualClock();
    let outcome: unknown;
    const settle = (value: unknown) => {
      outcome = value;
    };
    changeKubeconfig(file, { clock }, () => 'x').then(settle, settle);
    while (outcome === undefined) await clock.advance(50);
    expect(outcome).toBeInstanceOf(KubeconfigLockedError);
    expect(existsSync(file)).toBe(false);
    rmSync(`${file}.lock`);
    expect(await changeKubeconfig(file, deps, () => 'x')).toBe(true);
    expect(await changeKubeconfig(file, deps, (text) => text)).toBe(false);
    expect(existsSync(`${file}.lock`)).toBe(false);
  });

  it('is about the file that kubectl would write to', () => {
    expect(userKubeconfigPath({ HOME: '/root' })).toBe('/root/.kube/config');
    expect(userKubeconfigPath({ HOME: '/root', KUBECONFIG: ':/a:/b' })).toBe('/a');
    expect(userKubeconfigPath({})).toBeUndefined();
  });
});
