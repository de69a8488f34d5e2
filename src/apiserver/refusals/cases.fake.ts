import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind } from '../../api/kind.ts';
import { groupResource } from '../../api/resource.ts';
import { allVersions } from '../../api/served-versions.ts';
import type { TestServer } from '../replay/server.fake.ts';

type Json = Record<string, unknown>;

/** Members to set, by path (`spec.ports[0].name`, `metadata.labels[a.b/c]`); null takes one away. */
type Changes = Record<string, unknown>;

/** An object that a kind's cases start from: it is taken. */
interface Base {
  of: string;
  base: Json;
}

/** One thing wrong, and every cause of the refusal: `<type> <field>: <message>`, sorted. */
export interface Case {
  of: string;
  set: Changes;
  /** The call is an update: these changes make the stored object from the base. */
  was?: Changes;
  /** The stored object is being deleted: something holds it. */
  deleted?: boolean;
  /** The subresource that is written. */
  sub?: string;
  /** Parameters of the request. */
  query?: string;
  /** The verb, where it is not the one that `was` tells: `APPLY` is a patch, what `DELETE` sets are its options. */
  method?: string;
  /** The group whose code holds the rule in Kubernetes, where that is not the kind's own. */
  group?: string;
  /** The code of the refusal, where it is one that tells its causes in its message only. */
  status?: number;
  causes: string[];
}

const folder = join(import.meta.dirname, 'testdata');

const linesOf = (file: string): unknown[] =>
  readFileSync(join(folder, file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

/** Texts that occur often, by the name that stands for them in the cases: `<dns1123Label>`. */
const texts = JSON.parse(readFileSync(join(folder, 'texts.json'), 'utf8')) as Record<string, string>;
const spelled = (cause: string): string => cause.replace(/<(\w+)>/g, (whole, name: string) => texts[name] ?? whole);

/** What the cases of one file start from, and the cases. */
export function readCases(file: string): { bases: Map<string, Json>; cases: Case[] } {
  const rows = linesOf(file) as (Base | Case)[];
  const bases = rows.filter((row): row is Base => 'base' in row).map(({ of, base }) => [of, base] as const);
  const cases = rows.filter((row): row is Case => 'causes' in row);
  return { bases: new Map(bases), cases: cases.map((row) => ({ ...row, causes: row.causes.map(spelled) })) };
}

export const caseFiles = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.jsonl'));

const steps = (path: string): string[] => [...path.matchAll(/\[([^\]]*)\]|[^.[]+/g)].map((m) => m[1] ?? m[0]);

/** A copy of an object with some members set. */
export function changed(object: Json, changes: Changes): Json {
  const copy = structuredClone(object);
  for (const [path, value] of Object.entries(changes)) {
    const keys = steps(path);
    const last = keys.pop() as string;
    let at = copy;
    for (const [i, key] of keys.entries()) {
      at[key] ??= /^\d+$/.test(keys[i + 1] ?? last) ? [] : {};
      at = at[key] as Json;
    }
    if (value !== null) at[last] = value;
    else if (Array.isArray(at)) at.splice(Number(last), 1);
    else delete at[last];
  }
  return copy;
}

const kindOf = (resource: string): Kind => {
  const kind = allVersions.find((k) => groupResource(k) === resource);
  if (!kind) throw new Error(`${resource}: no such kind`);
  return kind as Kind;
};

const namespace = 'refusals';
const bodies: Record<string, string> = {
  PATCH: 'application/merge-patch+json',
  APPLY: 'application/apply-patch+yaml',
};
const table = 'application/json;as=Table;g=meta.k8s.io;v=v1';

interface Answer {
  status: number;
  message: string;
  causes: string[];
}

/** A message without what is another one each time. */
const told = (message: string): string =>
  message.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uid>').replace(/case-\d+/g, '<name>');

/** Asks a server as a client does, and says what it refuses. */
export class CaseRunner {
  #server: TestServer;
  #made = 0;

  constructor(server: TestServer) {
    this.#server = server;
  }

  /** What pods and other things of a namespace need. */
  async prepare(): Promise<void> {
    await this.#send('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
    await this.#send('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'default' } });
  }

  async run(base: Json, { of, set, was, deleted, sub, query, method }: Case): Promise<Answer> {
    const kind = kindOf(of);
    const head = { apiVersion: kind.group ? `${kind.group}/${kind.version}` : kind.version, kind: kind.kind };
    const name = `case-${++this.#made}`;
    const first = { ...head, ...changed(base, { ...was }) } as Json & { metadata?: { name?: string } };
    first.metadata = { name, ...first.metadata };
    const root = kind.group ? `/apis/${kind.group}/${kind.version}` : `/api/${kind.version}`;
    const collection = `${root}/${kind.namespaced ? `namespaces/${namespace}/` : ''}${kind.resource}`;
    const parameters = `?dryRun=All${query ? `&${query}` : ''}`;
    if (!was) return this.#send(method ?? 'POST', `${collection}${parameters}`, changed(first, set));
    const path = `${collection}/${first.metadata.name ?? name}`;
    await this.#store(collection, path, first);
    if (deleted) await this.#send('DELETE', path);
    const stored = await this.#read(path);
    const body = method === 'DELETE' ? changed({ kind: 'DeleteOptions', apiVersion: 'v1' }, set) : changed(stored, set);
    return this.#send(method ?? 'PUT', `${path}${sub ? `/${sub}` : ''}${parameters}`, body);
  }

  /** Makes the object, and gives it its status. */
  async #store(collection: string, path: string, object: Json): Promise<void> {
    await this.#send('DELETE', `${path}?gracePeriodSeconds=0`);
    const made = await this.#send('POST', collection, object);
    if (made.status !== 201) throw new Error(`the object to change is refused: ${made.message}`);
    if (object.status === undefined) return;
    const put = await this.#send('PUT', `${path}/status`, { ...(await this.#read(path)), status: object.status });
    if (put.status >= 300 && put.status !== 404) throw new Error(`the status to change is refused: ${put.message}`);
  }

  async #read(path: string): Promise<Json> {
    const { body } = await this.#server.send({ method: 'GET', path });
    return JSON.parse(body.toString()) as Json;
  }

  async #send(method: string, path: string, object?: Json): Promise<Answer> {
    const headers: Record<string, string> = { 'content-type': bodies[method] ?? 'application/json' };
    if (method === 'GET') headers.accept = table;
    const body = object && method !== 'GET' ? JSON.stringify(object) : undefined;
    const answer = await this.#server.send({ method: method === 'APPLY' ? 'PATCH' : method, path, headers, body });
    const { message = '', details } = JSON.parse(answer.body.toString() || '{}') as {
      message?: string;
      details?: { causes?: { reason: string; field: string; message: string }[] };
    };
    const causes = (details?.causes ?? []).map((cause) => `${cause.reason} ${cause.field}: ${told(cause.message)}`);
    return { status: answer.status, message, causes: causes.sort() };
  }
}
