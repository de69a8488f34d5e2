import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualClock } from '../base/virtual-clock.ts';
import { startTestServer, type TestServer } from './replay/server.fake.ts';
import { StatusPages } from './status-pages.ts';

const warning =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';
const paths = ['/flagz', '/healthz', '/livez', '/metrics', '/readyz', '/statusz', '/version'];
const asking = (as: string, { v = 'v1beta1', type = 'application/json' } = {}) =>
  `${type};v=${v};g=config.k8s.io;as=${as}`;

describe('what a server tells of itself', () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 2, 3, 4, 5));
  const flags = { profiling: 'true', 'audit-log-maxsize': '5' };
  const pages = new StatusPages(clock, { flags, runtime: 'node v1' });
  const bodyOf = async (path: string, accept?: string) => (await pages.page(path, accept))?.body.toString();

  it('is text for people', async () => {
    await clock.advance((26 * 3600 + 5 * 60 + 7) * 1000);
    const text = `
apiserver statusz
${warning}

Started: Fri Jan  2 03:04:05 UTC 2026
Up: 26 hr 05 min 07 sec
Go version: node v1
Binary version: 1.36.2+knarr
Emulation version: 1.36
Paths: ${paths.join(' ')}
`;
    for (const accept of [undefined, '*/*', 'text/plain', `${asking('Statusz', { v: 'foo' })},*/*`])
      expect(await bodyOf('/statusz', accept)).toBe(text);
    expect(await bodyOf('/flagz')).toBe(`\napiserver flagz\n${warning}\naudit-log-maxsize=5\nprofiling=true\n`);
    expect(pages.page('/statusz/', undefined)).toBeUndefined();
  });

  it('is an object for programs that ask for one', async () => {
    expect(JSON.parse((await bodyOf('/statusz', asking('Statusz'))) ?? '')).toEqual({
      ...{ kind: 'Statusz', apiVersion: 'config.k8s.io/v1beta1', metadata: { name: 'apiserver' } },
      ...{ startTime: '2026-01-02T03:04:05Z', uptimeSeconds: 93907, goVersion: 'node v1' },
      ...{ binaryVersion: '1.36.2+knarr', emulationVersion: '1.36', paths },
    });
    const yaml = await bodyOf('/flagz', asking('Flagz', { type: 'application/yaml' }));
    expect(yaml).toContain('apiVersion: config.k8s.io/v1beta1\nflags:\n  audit-log-maxsize: "5"\n');
    const old = await pages.page('/flagz', `${asking('Flagz', { v: 'v1alpha1' })},${asking('Flagz')}`);
    expect(old?.warning).toBe('This version of the flagz endpoint is deprecated. Please use a newer version.');
    expect(JSON.parse(String(old?.body))).toMatchObject({ apiVersion: 'config.k8s.io/v1alpha1', flags });
    expect((await pages.page('/flagz', asking('Flagz')))?.warning).toBeUndefined();
  });

  it.each(['application/xml', 'application/json', 'application/json;v=v1beta1;g=config.k8s.io', asking('Flagz')])(
    'is nothing in %s',
    (accept) => {
      expect(() => pages.page('/statusz', accept)).toThrow('only the following media types are accepted');
    },
  );
});

describe('a server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());
  const get = (path: string, headers: Record<string, string> = {}) => server.send({ method: 'GET', path, headers });

  it('shows them to those who watch over it', async () => {
    const watcher = { 'impersonate-user': 'w', 'impersonate-group': 'system:monitoring' };
    for (const path of ['/statusz', '/flagz']) {
      const { status, headers, body } = await get(path, watcher);
      expect([status, headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
      expect(body.toString()).toContain(`apiserver ${path.slice(1)}\n`);
      expect((await get(path, { 'impersonate-user': 'w' })).status).toBe(403);
    }
    const old = await get('/statusz', { accept: asking('Statusz', { v: 'v1alpha1' }) });
    expect(old.headers.warning).toContain('299 - "This version of the statusz endpoint is deprecated.');
    expect((await get('/statusz', { accept: 'application/json' })).status).toBe(406);
    expect(JSON.parse((await get('/')).body.toString()).paths).toEqual(expect.arrayContaining(['/flagz', '/statusz']));
  });
});
