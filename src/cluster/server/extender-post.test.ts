import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { realClock } from '../../base/clock.ts';
import { readExtenders } from '../../scheduler/extenders/extender-config.ts';
import { Extender } from '../../scheduler/extenders/extender.ts';
import type { NodeInfo } from '../../placement/node-info.ts';
import type { Pod } from '../../api/generated/types.ts';
import { postToExtender } from './extender-post.ts';

const asked: { url?: string; body: string }[] = [];
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    asked.push({ url: request.url, body });
    if (request.url?.endsWith('/broken')) response.writeHead(503).end('busy');
    else if (request.url?.endsWith('/silent')) return;
    else response.end(JSON.stringify({ nodenames: ['b'], failednodes: { a: 'no card' }, error: '' }));
  });
});
afterEach(() => void server.close());

it('asks an extender over HTTP', async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const urlPrefix = `http://127.0.0.1:${(server.address() as AddressInfo).port}/own/`;
  const extenderWith = (filterVerb: string) => {
    const [config] = readExtenders([{ urlPrefix, filterVerb, nodeCacheCapable: true, httpTimeout: '300ms' }]).extenders;
    return new Extender(config as never, postToExtender(realClock));
  };
  const nodes = ['a', 'b'].map((name) => ({ name })) as NodeInfo[];
  const pod = { metadata: { name: 'p' }, spec: { containers: [] } } as unknown as Pod;
  const { accepted, refused } = await extenderWith('filter').filter(pod, nodes);
  expect(accepted.map(({ name }) => name)).toEqual(['b']);
  expect([...refused]).toEqual([['a', { reason: 'no card', isResolvable: true }]]);
  expect(asked[0]).toMatchObject({ url: '/own/filter' });
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ Pod: pod, NodeNames: ['a', 'b'] });
  const at = (verb: string) => `failed filter with extender at URL ${urlPrefix}${verb}, `;
  await expect(extenderWith('broken').filter(pod, nodes)).rejects.toThrow(`${at('broken')}code 503`);
  await expect(extenderWith('silent').filter(pod, nodes)).rejects.toThrow(`${at('silent')}context deadline exceeded`);
  server.closeAllConnections();
});
