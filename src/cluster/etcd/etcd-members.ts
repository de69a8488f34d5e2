import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { outputOf, type RunCommand } from '../../host/command.ts';
import { eventually } from '../admin-client.ts';
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

interface Deps {
  clock: Clock;
  run: RunCommand;
}

/** The members of an etcd, asked through `etcdctl` with the certificate of this machine's member. */
export class EtcdMembers {
  readonly #deps: Deps;
  readonly #flags: string[];

  /** `urls`: of members that answer. */
  constructor(deps: Deps, { pkiDir }: Pick<EtcdLayout, 'pkiDir'>, urls: readonly string[]) {
    this.#deps = deps;
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
    await this.#reconfigure('add', name, '--learner', '--peer-urls', peerUrl);
  }

  /** Lets a member vote from now on. Rejects while it has not caught up. */
  async promote(peerUrl: string): Promise<void> {
    const { id, isLearner } = await this.#member(peerUrl);
    if (isLearner) await this.#etcdctl('promote', id);
  }

  /** The others do not wait for it any more; its program ends. */
  async remove(peerUrl: string): Promise<void> {
    const { id } = await this.#member(peerUrl);
    await this.#reconfigure('remove', id);
  }

  async #member(peerUrl: string): Promise<Member> {
    const member = (await this.list()).find((one) => one.peerUrl === peerUrl);
    if (!member) throw new Error(`etcd has no member ${peerUrl}`);
    return member;
  }

  /** For the first seconds after a member has come or gone etcd calls itself unhealthy and takes no other change. */
  async #reconfigure(...words: [verb: string, ...args: string[]]): Promise<void> {
    await eventually(this.#deps.clock, { what: 'etcd to be healthy', timeoutMs: 30_000 }, async () => {
      await this.#etcdctl(...words);
      return true;
    });
  }

  #etcdctl(verb: string, ...args: string[]): Promise<string> {
    const command = ['ETCDCTL_API=3', 'etcdctl', ...this.#flags, 'member', verb, ...args];
    return outputOf(this.#deps.run, { program: 'env', args: command });
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
