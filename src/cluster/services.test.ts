import { expect, it } from 'vitest';
import { layoutOf } from './layout.ts';
import { agentService, type Program, serverService } from './services.ts';

const program: Program = {
  command: ['/usr/bin/node', '/srv/knarr/dist/knarr.js'],
  build: { version: '1', id: 'abc' },
  root: '/srv/knarr',
};

it('the server is told of V8 before the program, and of the cluster after it', () => {
  const layout = layoutOf({ name: 'one', index: 0, home: '/nowhere', advertise: '192.0.2.1' });
  expect(serverService(layout, program).command).toEqual([
    ...['/usr/bin/node', '--heap-growing-percent=40', '/srv/knarr/dist/knarr.js'],
    ...['server', '--cluster', 'one', '--advertise', '192.0.2.1'],
  ]);
});

it('an agent is too, where its node is', () => {
  const place = {
    cluster: 'one',
    name: 'n1',
    dir: '/d',
    server: 'https://s',
    tokenFile: '/t',
    caHash: 'h',
    address: 'a',
  };
  const flags = '--cluster one --server https://s --token-file /t --ca-hash h --name n1 --dir /d --address a'.split(
    ' ',
  );
  const agent = ['/usr/bin/node', '--max-semi-space-size=1', '/srv/knarr/dist/knarr.js', 'agent', ...flags];
  expect(agentService(place, { program, home: '/nowhere' }).command).toEqual(agent);
  const enter = ['nsenter', '--net=/n'];
  const cached = agentService({ ...place, imageCache: '/c' }, { program, home: '/nowhere', enter });
  expect(cached.command).toEqual([...enter, ...agent, '--image-cache', '/c']);
});
