import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiProcess, type HttpAnswer } from './api-process.ts';

interface Exchange {
  name: string;
  request: { method: string; path: string; headers: Record<string, string | null>; body?: unknown };
  response: { status: number; body: unknown };
  stream?: boolean;
}

/** Recorded from a real API server, 1.20. */
const exchanges = readFileSync(join(import.meta.dirname, 'testdata/crd.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Exchange);

/** What this release answers otherwise: another text or field of the error. */
const laterErrors: Record<string, [field: string, message: string][]> = {
  'invalid-no-versions': [
    ['spec.versions', 'Invalid value: []: must have exactly one version marked as storage version'],
    ['status.storedVersions', 'Invalid value: null: must have at least one stored version'],
  ],
  'invalid-preserve-top': [
    [
      'spec.preserveUnknownFields',
      'Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    ],
  ],
  'cr-invalid-pattern-length': [['spec.name', 'Too long: may not be more than 5 bytes']],
  'cr-invalid-maxitems': [['spec.items', 'Too many: 3: must have at most 2 items']],
  'cr-invalid-dup-key': [['spec.items[1]', 'Duplicate value: {"k":"1"}']],
  'cr-invalid-item-required': [['spec.items[0].k', 'Required value']],
  'cr-put-no-rv': [['metadata.resourceVersion', 'Invalid value: 0: must be specified for an update']],
  'cr-status-put': [['metadata.resourceVersion', 'Invalid value: 0: must be specified for an update']],
  // Lists with keys have owners by element since 1.22.
  'cr-apply-conflict': [['.spec.items[k="x"].v', 'conflict with "one"']],
};

/** Texts that name Go's decoder or print Go structures: only code and reason are compared. */
const codeOnly = new Set(['cr-no-apiversion', 'cr-bad-metadata', 'invalid-two-storage']);

/** Of another definition, no longer there (v1beta1), another part's (APIServices), otherwise since (elements of apply). */
const leftOut = new Set([
  'table',
  'crd-as-v1beta1',
  'apiservice',
  'cr-yaml-post',
  'cr-protobuf-accept',
  'cr-apply-merge-list',
]);

/** What is not recorded: the object with a finalizer that the chapter on deletion begins with. */
const before: Record<string, (server: ApiProcess) => Promise<unknown>> = {
  'crd-delete': (server) =>
    server.patch('/apis/ex.com/v1/namespaces/cr/widgets/a', { metadata: { finalizers: ['x.io/a'] } }),
  'crd-gone': (server) => server.patch('/apis/ex.com/v1/namespaces/cr/widgets/a', { metadata: { finalizers: null } }),
};
const definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** What has to have happened before the answer is what was recorded. */
const settled: Record<string, { path: string; wanted: (answer: HttpAnswer) => boolean }> = {
  create: {
    path: `${definition}/widgets.ex.com`,
    wanted: ({ body }) => body.status.conditions?.[1]?.status === 'True',
  },
  'crd-name-conflict': { path: `${definition}/wodgets.ex.com`, wanted: ({ body }) => body.status.conditions },
  'crd-delete': {
    path: `${definition}/widgets.ex.com`,
    wanted: ({ body }) => body.status.conditions[2].reason === 'InstanceDeletionInProgress',
  },
  'cr-list-terminating': {
    path: '/apis/ex.com/v1/namespaces/cr/widgets',
    wanted: ({ body }) => body.items.length === 1,
  },
};

const token = /^<[a-z]+(-?\d+)?>$/;
const versions = new Map<string, string>();

/** The body without what differs from run to run; versions are remembered, to be sent back. */
function comparable(recorded: unknown, actual: unknown): [unknown, unknown] {
  if (typeof recorded === 'string' && token.test(recorded)) {
    if (recorded.startsWith('<rv-') && typeof actual === 'string') versions.set(recorded, actual);
    return [recorded, actual === undefined ? undefined : recorded];
  }
  if (typeof recorded !== 'object' || recorded === null || typeof actual !== 'object' || actual === null)
    return [recorded, actual];
  const left = recorded as Record<string, unknown>;
  const right = actual as Record<string, unknown>;
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])].filter(
    // Owners by field have changed; an empty `continue` is no longer written.
    (name) => name !== 'managedFields' && name !== 'description' && !(name === 'continue' && !left[name]),
  );
  const pairs = names.map((name) => [name, comparable(left[name], right[name])] as const);
  const side = (i: 0 | 1) =>
    Object.fromEntries(pairs.flatMap(([name, pair]) => (pair[i] === undefined ? [] : [[name, pair[i]]])));
  return [side(0), side(1)];
}

/** Reasons that causes did not have then. */
const laterReasons = new Set(['FieldValueTypeInvalid', 'FieldValueTooLong', 'FieldValueTooMany']);

interface Cause {
  reason: string;
  field: string;
  message: string;
}

const inOrder = (causes: Cause[]): Cause[] =>
  causes
    .map((cause) => ({ ...cause, reason: laterReasons.has(cause.reason) ? 'FieldValueInvalid' : cause.reason }))
    .sort((a, b) => (a.field < b.field ? -1 : 1));

function compareErrors(name: string, recorded: Exchange['response']['body'], actual: HttpAnswer['body']): void {
  const expected = recorded as { reason: string; message: string; details?: { causes?: Cause[] } };
  expect(actual.reason).toBe(expected.reason);
  if (codeOnly.has(name)) return;
  const later = laterErrors[name];
  const causes = inOrder(actual.details?.causes ?? []);
  if (later) expect(causes.map(({ field, message }) => [field, message])).toEqual(later);
  else if (causes.length > 1) expect(causes).toEqual(inOrder(expected.details?.causes ?? []));
  else
    expect({ message: actual.message, causes }).toEqual({
      message: expected.message,
      causes: inOrder(expected.details?.causes ?? []),
    });
}

/** A body with the versions of this run, and without what only the server knows. */
function bodyOf({ request }: Exchange): unknown {
  if (typeof request.body !== 'object' || request.body === null) return request.body;
  let text = JSON.stringify(request.body);
  for (const [recorded, actual] of versions) text = text.replaceAll(`"${recorded}"`, `"${actual}"`);
  const body = JSON.parse(text) as { metadata?: Record<string, unknown> };
  for (const name of ['uid', 'creationTimestamp', 'managedFields']) delete body.metadata?.[name];
  return body;
}

describe('exchanges with a real API server about a custom resource', () => {
  let server: ApiProcess;
  beforeAll(async () => {
    server = await ApiProcess.start();
    await server.post('/api/v1/namespaces', { metadata: { name: 'cr' } });
  });
  afterAll(() => server.close());

  it.each(exchanges.filter(({ name, stream }) => !stream && !leftOut.has(name)))('$name', async (exchange) => {
    const { name, request, response } = exchange;
    await before[name]?.(server);
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([header, value]) => [header.toLowerCase(), value ?? '']),
    );
    const answer = name.endsWith('-gone')
      ? await server.until(request.path, ({ status }) => status === 404)
      : await server.send(request.method, request.path, { headers, body: bodyOf(exchange) });
    const { path, wanted } = settled[name] ?? {};
    if (path && wanted && name !== 'cr-list-terminating') await server.until(path, wanted);
    expect(answer.status).toBe(response.status);
    if (response.status >= 400 && typeof response.body === 'object') compareErrors(name, response.body, answer.body);
    else {
      const [expected, actual] = comparable(response.body, answer.body);
      expect(actual).toEqual(expected);
    }
  });
});
