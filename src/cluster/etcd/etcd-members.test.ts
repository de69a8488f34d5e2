import { describe, expect, it } from 'vitest';
import { realClock } from '../../base/clock.ts';
import type { Command } from '../../host/command.ts';
import { EtcdMembers, parseMembers } from './etcd-members.ts';

/** As etcdctl 3.4 prints it. */
const listed = `8e9e05c52164694d, started, 10.0.0.5, https://10.0.0.5:12380, https://10.0.0.5:12379, false
91bc3c398fb3c146, unstarted, , https://10.0.0.6:12380, , true
fd422379fda50e48, started, 10.0.0.7, https://10.0.0.7:12380, https://10.0.0.7:12379,https://127.0.0.1:12379, false
`;

function members() {
  const commands: string[] = [];
  const run = async ({ args }: Command) => {
    commands.push(args.slice(args.indexOf('member')).join(' '));
    return { exitCode: 0, stdout: args.includes('list') ? listed : '', stderr: '' };
  };
  return {
    commands,
    etcd: new EtcdMembers({ run, clock: realClock }, { pkiDir: '/pki' }, ['https://127.0.0.1:12379']),
  };
}

describe('the members of an etcd', () => {
  it('are read from what etcdctl prints', () => {
    expect(parseMembers(listed)).toEqual([
      {
        id: '8e9e05c52164694d',
        name: '10.0.0.5',
        peerUrl: 'https://10.0.0.5:12380',
        clientUrls: ['https://10.0.0.5:12379'],
        isLearner: false,
      },
      { id: '91bc3c398fb3c146', name: '', peerUrl: 'https://10.0.0.6:12380', clientUrls: [], isLearner: true },
      {
        id: 'fd422379fda50e48',
        name: '10.0.0.7',
        peerUrl: 'https://10.0.0.7:12380',
        clientUrls: ['https://10.0.0.7:12379', 'https://127.0.0.1:12379'],
        isLearner: false,
      },
    ]);
  });

  it('are promoted when they do not vote yet, and removed, by the number that etcd gave them', async () => {
    const { commands, etcd } = members();
    await etcd.promote('https://10.0.0.6:12380');
    await etcd.promote('https://10.0.0.5:12380');
    await etcd.remove('https://10.0.0.7:12380');
    expect(commands.filter((command) => command !== 'member list')).toEqual([
      'member promote 91bc3c398fb3c146',
      'member remove fd422379fda50e48',
    ]);
    await expect(etcd.remove('https://10.0.0.9:12380')).rejects.toThrow('etcd has no member https://10.0.0.9:12380');
  });
});
