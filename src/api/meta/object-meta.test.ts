import { describe, expect, it } from 'vitest';
import { validateFieldManager, validateObjectMeta, validateObjectMetaUpdate } from './object-meta.ts';
import type { FieldError } from './status-error.ts';

const pods = { group: '', resource: 'pods', namespaced: true };
const nodes = { group: '', resource: 'nodes', namespaced: false };
const roles = { group: 'rbac.authorization.k8s.io', resource: 'roles', namespaced: true };
const texts = (errors: FieldError[]) => errors.map((e) => `${e.field}: ${e.message}`);

describe('validateObjectMeta', () => {
  it('says the same as the recorded API server of labels, annotations and finalizers', () => {
    const metadata = {
      name: 'p',
      namespace: 'n',
      labels: { 'a b': 'x', y: '-x-' },
      annotations: { '/x': '' },
      finalizers: ['bad'],
    };
    expect(texts(validateObjectMeta(pods, metadata))).toEqual([
      `metadata.labels: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
      `metadata.labels: Invalid value: "-x-": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
      'metadata.annotations: Invalid value: "/x": prefix part must be non-empty',
      'metadata.finalizers[0]: Invalid value: "bad": name is neither a standard finalizer name nor is it fully qualified',
    ]);
  });

  it('wants a name in the format of the kind, and a namespace where there is one', () => {
    expect(texts(validateObjectMeta(pods, { name: '', namespace: '' }))).toEqual([
      'metadata.name: Required value: name or generateName is required',
      'metadata.namespace: Required value',
    ]);
    expect(texts(validateObjectMeta(pods, { name: 'Bad_Name', namespace: 'n' }))).toEqual([
      `metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ]);
    expect(validateObjectMeta(roles, { name: 'system:x', namespace: 'n' })).toEqual([]);
    expect(texts(validateObjectMeta(nodes, { name: 'x', namespace: 'n' }))).toEqual([
      'metadata.namespace: Forbidden: not allowed on this type',
    ]);
    expect(validateObjectMeta(pods, { generateName: 'x-', name: 'x-abcde', namespace: 'n' })).toEqual([]);
  });

  it('refuses two controllers', () => {
    const owner = (name: string) => ({ apiVersion: 'v1', kind: 'X', name, uid: name, controller: true });
    const [error] = validateObjectMeta(pods, { name: 'p', namespace: 'n', ownerReferences: [owner('a'), owner('b')] });
    expect(error?.message).toContain('Found "true" in references for X/a and X/b');
  });
});

describe('validateObjectMetaUpdate', () => {
  const old = { name: 'p', namespace: 'n', uid: 'u', resourceVersion: '1', generation: 2, creationTimestamp: 't' };

  it('keeps identity', () => {
    expect(validateObjectMetaUpdate(pods, { ...old, labels: { a: 'b' } }, old)).toEqual([]);
    expect(
      texts(validateObjectMetaUpdate(pods, { ...old, uid: 'v', generation: 1, resourceVersion: '' }, old)),
    ).toEqual([
      'metadata.resourceVersion: Invalid value: "": must be specified for an update',
      'metadata.generation: Invalid value: 1: must not be decremented',
      'metadata.uid: Invalid value: "v": field is immutable',
    ]);
  });

  it('takes no further finalizers while the object is being deleted', () => {
    const deleted = { ...old, deletionTimestamp: 't', finalizers: ['a/b'] };
    expect(texts(validateObjectMetaUpdate(pods, { ...deleted, finalizers: ['a/b', 'c/d'] }, deleted))).toEqual([
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"c/d"}',
    ]);
    expect(validateObjectMetaUpdate(pods, { ...deleted, finalizers: [] }, deleted)).toEqual([]);
  });
});

describe('validateFieldManager', () => {
  it('wants at most 128 printable bytes', () => {
    expect(validateFieldManager('kubectl client', 'fieldManager')).toEqual([]);
    expect(texts(validateFieldManager('a\nb', 'fieldManager'))).toEqual([
      'fieldManager: Invalid value: "a\\nb": invalid character U+000A (at position 1)',
    ]);
    expect(texts(validateFieldManager('x'.repeat(129), 'fieldManager'))).toEqual([
      'fieldManager: Too long: may not be more than 128 bytes',
    ]);
  });
});
