import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Decision } from '../../apiserver/authz/attributes.ts';
import { Authorizer } from '../../apiserver/authz/authorizer.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { Metrics } from '../../base/metrics.ts';
import type { ClusterLayout } from '../layout.ts';
import { checkAuthorization, followAuthorization } from './authorization-options.ts';

let folder: string;
let layout: ClusterLayout;
let stop = () => {};
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allowed-'));
  layout = { configDir: folder } as ClusterLayout;
});
afterEach(async () => {
  stop();
  await rm(folder, { recursive: true });
});

const config = (...types: string[]) =>
  writeFile(
    join(folder, 'authorization.yaml'),
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthorizationConfiguration',
      authorizers: types.map((type, i) => ({ type, name: `a${i}` })),
    }),
  );

it('is read again when the file changes, and stays where the new one is wrong', async () => {
  const authorizer = new Authorizer(() => undefined);
  const metrics = new Metrics();
  const deps = { clock: realClock, log: silentLog, metrics, authorizer };
  const decision = () => authorizer.authorize({ name: 'jane', groups: [] }, { verb: 'get', path: '/x' }) as Decision;
  await config('RBAC', 'AlwaysDeny');
  stop = await followAuthorization(deps, { layout, flags: {} });
  expect(decision()).toEqual({ allowed: false, reason: 'Everything is forbidden.' });

  await config('RBAC', 'AlwaysAllow');
  await expect.poll(() => decision().allowed, { timeout: 60_000 }).toBe(true);

  const reloads = 'apiserver_authorization_config_controller_automatic_reloads_total';
  await config();
  await expect.poll(() => metrics.text(), { timeout: 60_000 }).toContain(`${reloads}{status="failure"} 1`);
  expect(decision().allowed).toBe(true);

  await rm(join(folder, 'authorization.yaml'));
  await expect.poll(() => decision(), { timeout: 60_000 }).toEqual({ allowed: false, reason: '' });
});

it('that is wrong is refused at the start', async () => {
  await config();
  const message = 'authorization.yaml: authorizers: Required value: at least one authorization mode must be defined';
  await expect(checkAuthorization({ layout, flags: {} })).rejects.toThrow(message);
});
