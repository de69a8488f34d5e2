import { describe, expect, it } from 'vitest';
import { kindOf, strategies } from '../kinds.ts';
import { selectorText } from './columns.ts';
import { partialMetadataList, table, tableColumns } from './table.ts';

const kind = (group: string, resource: string) => {
  const found = kindOf(group, resource);
  if (!found) throw new Error(resource);
  return found;
};
const object = {
  kind: 'ConfigMap',
  metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' },
  data: { k: 'v' },
};
const view = { kind: kind('', 'configmaps'), strategy: strategies.configmaps, nowMs: Date.UTC(2026, 0, 2) };

describe('table', () => {
  it('carries the metadata of the objects unless asked otherwise', () => {
    const metadata = { resourceVersion: '5' };
    expect(table(view, [object], { metadata })).toMatchObject({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      columnDefinitions: [
        { name: 'Name', type: 'string', format: 'name', priority: 0 },
        { name: 'Data' },
        { name: 'Age' },
      ],
      rows: [{ cells: ['a', 1, '24h'], object: { kind: 'PartialObjectMetadata', metadata: object.metadata } }],
    });
    expect(table({ ...view, includeObject: 'None' }, [object], { metadata })).toMatchObject({
      rows: [{ object: null }],
    });
    expect(table({ ...view, includeObject: 'Object' }, [object], { metadata })).toMatchObject({ rows: [{ object }] });
  });

  it('leaves the columns out of later watch events', () => {
    expect(table(view, [], { metadata: {}, withColumns: false })).toMatchObject({ columnDefinitions: null, rows: [] });
  });

  it('has generic columns for kinds without a printer', () => {
    expect(tableColumns({}).map((c) => c.name)).toEqual(['Name', 'Created At']);
    expect(table({ ...view, kind: {}, strategy: undefined }, [object], { metadata: {} })).toMatchObject({
      rows: [{ cells: ['a', '2026-01-01T00:00:00Z'] }],
    });
  });

  it('says that a finished pod is completed', () => {
    const pod = { metadata: { name: 'p' }, spec: { containers: [] }, status: { phase: 'Succeeded' } };
    expect(
      table({ ...view, kind: kind('', 'pods'), strategy: strategies.pods }, [pod], { metadata: {} }),
    ).toMatchObject({
      rows: [{ conditions: [{ type: 'Completed', status: 'True', reason: 'Succeeded' }] }],
    });
  });
});

it('lists metadata alone', () => {
  expect(partialMetadataList([object], { resourceVersion: '1' }, 'v1beta1')).toEqual({
    kind: 'PartialObjectMetadataList',
    apiVersion: 'meta.k8s.io/v1beta1',
    metadata: { resourceVersion: '1' },
    items: [{ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1beta1', metadata: object.metadata }],
  });
});

it('writes selectors in the query syntax, ordered by key', () => {
  const selector = {
    matchLabels: { z: '1' },
    matchExpressions: [
      { key: 'b', operator: 'In', values: ['y', 'x'] },
      { key: 'a', operator: 'DoesNotExist' },
    ],
  };
  expect(selectorText(selector)).toBe('!a,b in (x,y),z=1');
  expect(selectorText({ matchExpressions: [{ key: 'a', operator: 'Near' }] })).toBeUndefined();
});
