import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AuthenticationOptions } from '../../apiserver/authn/authentication.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { Metrics } from '../../base/metrics.ts';
import type { ClusterLayout } from '../layout.ts';
import { type AuthenticationFlags, authenticationOptions, followAuthentication } from './authentication-options.ts';

let folder: string;
let layout: ClusterLayout;
let stop = () => {};
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'believed-'));
  layout = { configDir: folder } as ClusterLayout;
});
afterEach(async () => {
  stop();
  await rm(folder, { recursive: true });
});

const deps = { clock: realClock, log: silentLog };
const tokens = (text: string) => writeFile(join(folder, 'tokens.csv'), text);
const config = (text: string) => writeFile(join(folder, 'authentication.yaml'), text);
const head = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n';

it('says once whether nobody in particular may come: by the flag or by the file', async () => {
  const anonymousOf = async (flags: AuthenticationFlags) =>
    (await authenticationOptions(deps, layout, flags)).anonymous;
  expect([await anonymousOf({}), await anonymousOf({ anonymousAuth: false })]).toEqual([
    { enabled: true },
    { enabled: false },
  ]);
  await config(`${head}anonymous: { enabled: true, conditions: [{ path: /livez }] }\n`);
  const narrow = { enabled: true, conditions: [{ path: '/livez' }] };
  expect([await anonymousOf({}), await anonymousOf({ anonymousAuth: true })]).toEqual([narrow, narrow]);
  await expect(anonymousOf({ anonymousAuth: false })).rejects.toThrow(
    'anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file',
  );
});

it('is read again when a file changes, and stays where the new one is wrong', async () => {
  await tokens('t1,jane,1');
  let believed: AuthenticationOptions = await authenticationOptions(deps, layout, {});
  const nameOf = async (token: string) => (await believed.before?.[0]?.authenticateToken(token, []))?.user.name;
  const metrics = new Metrics();
  stop = followAuthentication({ ...deps, metrics }, { layout, flags: {} }, (options) => {
    believed = options;
  });
  expect([await nameOf('t1'), await nameOf('t2')]).toEqual(['jane', undefined]);

  await tokens('t2,john,2');
  await expect.poll(() => nameOf('t2'), { timeout: 60_000 }).toBe('john');
  expect(await nameOf('t1')).toBeUndefined();

  const reloads = 'apiserver_authentication_config_controller_automatic_reloads_total';
  await config('kind: Nonsense');
  await expect.poll(() => metrics.text(), { timeout: 60_000 }).toContain(`${reloads}{status="failure"} 1`);
  expect([await nameOf('t2'), believed.anonymous]).toEqual(['john', { enabled: true }]);

  await config(`${head}anonymous: { enabled: false }\n`);
  await expect.poll(() => believed.anonymous, { timeout: 60_000 }).toEqual({ enabled: false });
});
