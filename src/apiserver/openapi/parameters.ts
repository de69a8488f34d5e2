import type { ParameterFact } from './flavor.ts';

type QueryFact = Omit<ParameterFact, 'in'>;
const query = (facts: QueryFact[]): ParameterFact[] => facts.map((fact) => ({ ...fact, in: 'query' }));
const text = (name: string, description: string): QueryFact => ({ name, type: 'string', description });
const number = (name: string, description: string): QueryFact => ({ name, type: 'integer', description });
const flag = (name: string, description: string): QueryFact => ({ name, type: 'boolean', description });

export const pretty = query([text('pretty', 'Whether the answer is indented.')]);

const selection: QueryFact[] = [
  text('continue', 'Where to go on: the token of the previous, shortened list.'),
  text('fieldSelector', 'Only objects whose fields have these values.'),
  text('labelSelector', 'Only objects whose labels match.'),
  number('limit', 'At most this many objects at once.'),
  text('resourceVersion', 'How fresh the answer must be.'),
  text('resourceVersionMatch', 'How resourceVersion is meant: NotOlderThan or Exact.'),
  flag('sendInitialEvents', 'Whether a watch starts with all objects there are.'),
  number('timeoutSeconds', 'When the server ends the call.'),
];

export const listParameters = query([
  flag('allowWatchBookmarks', 'Whether a watch may carry BOOKMARK events.'),
  ...selection,
  flag('watch', 'Whether changes follow instead of a list.'),
]);

const dryRun = text('dryRun', 'All: everything is done but the write itself.');
const fieldManager = text('fieldManager', 'Who owns the fields that are written.');
const fieldValidation = text(
  'fieldValidation',
  'What becomes of unknown and duplicate fields: Ignore, Warn (the default) or Strict.',
);

export const writeParameters = query([dryRun, fieldManager, fieldValidation]);

export const patchParameters = query([
  dryRun,
  fieldManager,
  fieldValidation,
  flag('force', 'Whether an apply takes fields from other managers.'),
]);

const deletion: QueryFact[] = [
  dryRun,
  number('gracePeriodSeconds', 'How long the object may take to end.'),
  flag(
    'ignoreStoreReadErrorWithClusterBreakingPotential',
    'Whether an object that can no longer be read is deleted all the same.',
  ),
  flag('orphanDependents', 'Whether dependents stay. Use propagationPolicy.'),
  text('propagationPolicy', 'What becomes of dependents: Orphan, Background or Foreground.'),
];

export const deleteParameters = query(deletion);
export const deleteCollectionParameters = query([...deletion, ...selection]);

export const nameParameter = (kind: string): ParameterFact => ({
  name: 'name',
  in: 'path',
  type: 'string',
  description: `The name of the ${kind}.`,
});

export const namespaceParameter: ParameterFact = {
  name: 'namespace',
  in: 'path',
  type: 'string',
  description: 'The namespace the objects are in.',
};

export const pathParameter: ParameterFact = {
  name: 'path',
  in: 'path',
  type: 'string',
  description: 'The path that is asked for behind the proxy.',
};
