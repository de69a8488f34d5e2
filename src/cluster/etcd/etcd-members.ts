import { join } from 'node:path';
import { outputOf, type RunCommand } from '../../host/command.ts';
import type { EtcdLayout } from './etcd-service.ts';

export interface Member {
  /** Hexadecimal. */
  id: string;
  /** Empty until it has started. */
  name: string;
  peerUrl: string;
  clientUrls: string[];
  /** It does not vote yet. */
  isLearner: boolean;
}

/** The members of an etcd, asked through `etcdctl` with the certificate of this machine's member. */
export class EtcdMembers {
  readonly #run: RunCommand;
  readonly #flags: string[];

  /** `urls`: of members that answer. */
  constructor({ run }: { run: RunCommand }, { pkiDir }: Pick<EtcdLayout, 'pkiDir'>, urls: readonly string[]) {
    this.#run = run;
    const file = (name: string) => join(pkiDir, name);
    this.#flags = [
      ...['--endpoints', urls.join(','), '--command-timeout', '15s'],
      ...['--cacert', file('etcd-ca.crt'), '--cert', file('etcd.crt'), '--key', file('etcd.key')],
    ];
  }

  async list(): Promise<Member[]> {
    return parseMembers(await this.#etcdctl('list'));
  }

  /** It counts for nothing until it is promoted: an etcd of one must not wait for a member that never comes. */
  async addLearner({ name, peerUrl }: { name: string; peerUrl: string }): Promise<void> {
    await this.#etcdctl('add', name, '--learner', '--peer-urls', peerUrl);
  }

  /** Lets a member vote from now on. Rejects while it has not caught up. */
  async promote(peerUrl: string): Promise<void> {
    const { id, isLearner } = await this.#member(peerUrl);
    if (isLearner) await this.#etcdctl('promote', id);
  }

  /** The others do not wait for it any more; its program ends. */
  async remove(peerUrl: string): Promise<void> {
    await this.#etcdctl('remove', (await this.#member(peerUrl)).id);
  }

  async #member(peerUrl: string): Promise<Member> {
    const member = (await this.list()).find((one) => one.peerUrl === peerUrl);
    if (!member) throw new Error(`etcd has no member ${peerUrl}`);
    return member;
  }

  #etcdctl(verb: string, ...args: string[]): Promise<string> {
    const command = ['ETCDCTL_API=3', 'etcdctl', ...this.#flags, 'member', verb, ...args];
    return outputOf(this.#run, { program: 'env', args: command });
  }
}

/** The plain form of `etcdctl member list`: the JSON has ids as numbers that are too large for most readers. */
export function parseMembers(text: string): Member[] {
  const lines = text.split('\n').filter(Boolean);
  return lines.map((line) => {
    const [id = '', , name = '', peerUrl = '', clientUrls = '', isLearner] = line.split(', ');
    return { id, name, peerUrl, clientUrls: clientUrls.split(',').filter(Boolean), isLearner: isLearner === 'true' };
  });
}
