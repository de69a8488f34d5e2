import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { servedKinds } from './generated/kinds.ts';
import { kindOf, strategies } from './kinds.ts';
import { tableRow } from './meta/table.ts';
import { groupResource, type KubeObject } from './resource.ts';
import type { Cell } from './strategy.ts';

const createdMs = Date.UTC(2026, 0, 1);
const created = '2026-01-01T00:00:00Z';
const nowMs = createdMs + 5 * 60_000;

interface Recorded {
  group: string;
  resource: string;
  object: KubeObject;
  cells: Record<string, Cell>;
}

/** Objects and the cells an API server (1.20) printed for them; times are placeholders in the record. */
const recorded: Recorded[] = JSON.parse(
  readFileSync(join(import.meta.dirname, 'testdata/tables.json'), 'utf8')
    .replaceAll('"<time>"', `"${created}"`)
    .replaceAll('"<microtime>"', `"${created}"`)
    .replaceAll('"<age>"', '"5m"'),
);

function cellsByColumn(group: string, resource: string, object: KubeObject): Record<string, Cell> {
  const kind = kindOf(group, resource);
  if (!kind) throw new Error(`no kind ${group}/${resource}`);
  const { cells } = tableRow({ kind, strategy: strategies[groupResource(kind)], nowMs }, object);
  const names = kind.columns?.map((c) => c.name) ?? ['Name', 'Created At'];
  expect(cells).toHaveLength(names.length);
  return Object.fromEntries(names.map((name, i) => [name, cells[i] ?? null]));
}

describe('strategies', () => {
  it('exist only for served kinds', () => {
    const served = servedKinds.map(groupResource);
    expect(Object.keys(strategies).filter((resource) => !served.includes(resource))).toEqual([]);
  });

  it.each(servedKinds.filter((k) => k.columns).map((k) => [groupResource(k), k] as const))(
    'print every column of %s, also of an object without spec and status',
    (resource, kind) => {
      const generic = kind.columns?.every((c) => ['Name', 'Age', 'Created At'].includes(c.name));
      expect(generic || strategies[resource]?.cells).toBeTruthy();
      const bare = { metadata: { name: 'x', creationTimestamp: created }, roleRef: {}, template: {} } as never;
      const shaped =
        kind.resource === 'horizontalpodautoscalers' ? { ...(bare as object), spec: { scaleTargetRef: {} } } : bare;
      const cells = cellsByColumn(kind.group, kind.resource, shaped as never);
      expect(cells.Name).toBe('x');
      if ('Age' in cells) expect(cells.Age).toBe('5m');
    },
  );
});

describe('recorded tables', () => {
  it.each(recorded.map((r) => [`${r.resource} ${r.object.metadata.name}`, r] as const))('%s', (_, record) => {
    const cells = cellsByColumn(record.group, record.resource, record.object);
    const common = Object.keys(record.cells).filter((column) => column in cells);
    expect(Object.fromEntries(common.map((c) => [c, cells[c]]))).toEqual(
      Object.fromEntries(common.map((c) => [c, record.cells[c]])),
    );
  });
});
