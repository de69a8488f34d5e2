import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../resource.ts';
import { comparable, type Exchange, query, recorded, replay, startOfPatches, targetOf } from './replay.fake.ts';
import { StatusError } from './status-error.ts';

/** Decided by the API server around this folder: names, kinds, versions, validation, YAML, what no earlier exchange made. */
const elsewhere = new Set([
  ...['json-bad-type', 'json-kind', 'json-name', 'merge-bad-type', 'merge-array', 'merge-null', 'merge-kind-mismatch'],
  ...['merge-apiversion-mismatch', 'yaml-merge-patch', 'strategic-array-body', 'strategic-bad-type', 'pod-image'],
  ...['strategic-container-element-replace', 'strategic-env-valuefrom-over-value', 'strategic-volumes-no-retainKeys'],
  ...[
    'strategic-strategy-no-retainKeys',
    'strategic-invalid-result',
    'strategic-ownerrefs',
    'strategic-ownerrefs-delete',
  ],
  ...['yaml-body', 'name-mismatch', 'no-kind', 'kind-mismatch', 'with-uid-create', 'with-rv-stale', 'invalid-name'],
  ...['validation', 'missing-namespace', 'missing-list-key'],
]);

/** Kubernetes decides otherwise since 1.20; each has a test of its own. */
const sinceThen = new Set([
  'json-replace-missing', // refused, as RFC 6902 has it
  'strategic-conditions', // status has owners of its own
  'main-apply-ignores-status', // status is reset before it could conflict
  'svc-no-protocol', // the schema knows the default
]);

/** The state before each exchange is what was recorded before it, so that one difference does not cause others. */
function* withLive(file: string, start: Record<string, KubeObject>) {
  const state = new Map(Object.entries(start));
  for (const exchange of recorded(file)) {
    const { key, subresource } = targetOf(exchange);
    const live = state.get(key);
    if (exchange.status < 300 && subresource !== 'scale' && !query(exchange, 'dryRun'))
      state.set(key, exchange.response);
    const ours = exchange.method !== 'GET' && subresource !== 'scale';
    if (ours && !elsewhere.has(exchange.name) && !sinceThen.has(exchange.name)) yield { exchange, live };
  }
}

/** This release also names the object. */
const oldWords = (message: string): string => message.replace(/(failed to create typed patch object) \([^)]*\)/, '$1');

function refusal(exchange: Exchange, live: KubeObject | undefined): unknown {
  try {
    replay(exchange, live);
    return 'not refused';
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { ...error.status, message: oldWords(error.message) };
  }
}

describe.each([
  ['patch.jsonl', { 'configmaps/c': startOfPatches }],
  ['apply.jsonl', {}],
])('recorded from a real API server: %s', (file, start) => {
  for (const { exchange, live } of withLive(file, start as Record<string, KubeObject>)) {
    it(exchange.name, () => {
      const { type } = targetOf(exchange);
      if (exchange.status >= 300) expect(refusal(exchange, live)).toEqual(exchange.response);
      else expect(comparable(type, replay(exchange, live))).toEqual(comparable(type, exchange.response));
    });
  }
});
