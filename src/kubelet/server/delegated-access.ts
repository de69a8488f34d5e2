import { subjectaccessreviews, tokenreviews } from '../../api/generated/resources.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';

/** Who asks the node. */
export interface Asker {
  user: string;
  groups: readonly string[];
  uid?: string;
}

export interface NodeAccess {
  verb: string;
  /** Of the node: `metrics`, `stats`, `log`, `proxy`. */
  subresource: string;
}

/** As long as upstream's kubelet believes an answer. */
const tokenMs = 120_000;
const allowedMs = 300_000;
const deniedMs = 30_000;
/** Of each kind of answer; the oldest goes. */
const maxAnswers = 1000;

/** Asks the API server who is behind a token and what he may, and remembers the answers for a while. */
export class DelegatedAccess {
  readonly #deps: { client: Client; clock: Clock };
  readonly #nodeName: string;
  readonly #users = new Map<string, { value: Asker; untilMs: number }>();
  readonly #decisions = new Map<string, { value: boolean; untilMs: number }>();

  constructor(deps: { client: Client; clock: Clock }, nodeName: string) {
    this.#deps = deps;
    this.#nodeName = nodeName;
  }

  /** undefined: nobody that the cluster knows. Rejects when it cannot be asked. */
  async userOf(token: string): Promise<Asker | undefined> {
    const { client, clock } = this.#deps;
    const known = current(this.#users, token, clock.now());
    if (known) return known.value;
    const review = { metadata: { name: '' }, spec: { token } };
    const { status } = await client.create(tokenreviews, review);
    if (!status?.authenticated) return undefined;
    const { username = '', groups = [], uid } = status.user ?? {};
    const value = { user: username, groups, ...(uid ? { uid } : {}) };
    remember(this.#users, token, { value, untilMs: clock.now() + tokenMs });
    return value;
  }

  async isAllowed({ user, groups, uid }: Asker, { verb, subresource }: NodeAccess): Promise<boolean> {
    const { client, clock } = this.#deps;
    const key = JSON.stringify([user, groups, verb, subresource]);
    const known = current(this.#decisions, key, clock.now());
    if (known) return known.value;
    const resourceAttributes = { verb, version: 'v1', resource: 'nodes', subresource, name: this.#nodeName };
    const spec = { user, groups: [...groups], ...(uid ? { uid } : {}), resourceAttributes };
    const { status } = await client.create(subjectaccessreviews, { metadata: { name: '' }, spec });
    const value = status?.allowed === true;
    remember(this.#decisions, key, { value, untilMs: clock.now() + (value ? allowedMs : deniedMs) });
    return value;
  }
}

const current = <T>(answers: ReadonlyMap<string, { value: T; untilMs: number }>, key: string, nowMs: number) => {
  const known = answers.get(key);
  return known && nowMs < known.untilMs ? known : undefined;
};

function remember<T>(answers: Map<string, T>, key: string, answer: T): void {
  answers.delete(key);
  answers.set(key, answer);
  const [oldest] = answers.keys();
  if (answers.size > maxAnswers && oldest !== undefined) answers.delete(oldest);
}
