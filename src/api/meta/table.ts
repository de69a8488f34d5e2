import type { Kind } from '../kind.ts';
import type { KubeObject } from '../resource.ts';
import type { Cell, Strategy } from '../strategy.ts';
import { age, createdAt, name } from './columns.ts';
import { columnDescription } from './column-descriptions.ts';

/** What a row carries beside its cells (`includeObject` of the request; Metadata when it is not given). */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface ColumnDefinition {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
}

export interface TableRow {
  cells: Cell[];
  conditions?: { type: string; status: string; reason: string; message: string }[];
  object: object | null;
}

/** How objects of a kind become a table. */
export interface TableView {
  kind: Pick<Kind, 'columns'>;
  strategy?: Strategy | undefined;
  includeObject?: IncludeObject | undefined;
  /** For ages. */
  nowMs: number;
  /** Version of meta.k8s.io that was asked for. */
  version?: 'v1' | 'v1beta1' | undefined;
}

/** Columns of a kind that has no printer of its own. */
const genericColumns: NonNullable<Kind['columns']> = [
  { name: 'Name', type: 'string', format: 'name' },
  { name: 'Created At', type: 'date' },
];

/** `columnDefinitions` of the table of a kind. */
export const tableColumns = (kind: Pick<Kind, 'columns'>): ColumnDefinition[] =>
  (kind.columns ?? genericColumns).map((column) => ({
    name: column.name,
    type: column.type,
    format: column.format ?? '',
    description: column.description ?? columnDescription(column.name),
    priority: column.priority ?? 0,
  }));

const genericCells = { Name: name, Age: age, 'Created At': createdAt };

function cellsOf({ kind, strategy, nowMs }: TableView, object: KubeObject): Cell[] {
  if (strategy?.cells) return strategy.cells(object, nowMs);
  return (kind.columns ?? genericColumns).map(
    (column) => genericCells[column.name as keyof typeof genericCells]?.(object, nowMs) ?? null,
  );
}

/** One row of the table. */
export function tableRow(view: TableView, object: KubeObject): TableRow {
  const conditions = view.strategy?.rowConditions?.(object) ?? [];
  const include = view.includeObject ?? 'Metadata';
  return {
    cells: cellsOf(view, object),
    ...(conditions.length > 0 ? { conditions } : {}),
    object: include === 'None' ? null : include === 'Object' ? object : partialMetadata(object, view.version),
  };
}

/**
 * A `Table` of objects. In a watch only the first event carries column definitions: later ones pass `withColumns: false`.
 */
export function table(
  view: TableView,
  objects: readonly KubeObject[],
  { metadata, withColumns = true }: { metadata: object; withColumns?: boolean },
): object {
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${view.version ?? 'v1'}`,
    metadata,
    columnDefinitions: withColumns ? tableColumns(view.kind) : null,
    rows: objects.map((object) => tableRow(view, object)),
  };
}

/** The metadata of an object alone, as `PartialObjectMetadata` of meta.k8s.io. */
export const partialMetadata = (object: KubeObject, version: 'v1' | 'v1beta1' = 'v1'): Required<KubeObject> => ({
  kind: 'PartialObjectMetadata',
  apiVersion: `meta.k8s.io/${version}`,
  metadata: object.metadata,
});

/** A list of `PartialObjectMetadata`. */
export const partialMetadataList = (
  objects: readonly KubeObject[],
  metadata: object,
  version: 'v1' | 'v1beta1' = 'v1',
): object => ({
  kind: 'PartialObjectMetadataList',
  apiVersion: `meta.k8s.io/${version}`,
  metadata,
  // Go leaves an empty list nil here.
  items: objects.length > 0 ? objects.map((object) => partialMetadata(object, version)) : null,
});
