import type { Mutant } from './mutant.ts';

const quantityTest = 'src/api/meta/quantity.test.ts';

export const api: Mutant[] = [
  {
    bug: 'a finer amount than the smallest unit is cut off',
    file: 'src/api/meta/quantity.ts',
    find: 'return value < 0n ? quotient - 1n : quotient + 1n;',
    replace: 'return quotient;',
    test: { file: quantityTest, name: 'is written' },
  },
  {
    bug: 'Ki is a thousand',
    file: 'src/api/meta/quantity.ts',
    find: "return { format: 'BinarySI', base: 2n, exponent: binary };",
    replace: "return { format: 'BinarySI', base: 10n, exponent: binary * 0.3 };",
    test: { file: quantityTest, name: 'compares and adds exactly' },
  },
  {
    bug: 'an empty selector selects nothing',
    file: 'src/api/meta/label-selector.ts',
    find: 'if (!selector) return selectsNothing;',
    replace: 'if (!selector?.matchLabels) return selectsNothing;',
    test: { file: 'src/api/meta/label-selector.test.ts', name: 'selects nothing without a selector and everything' },
  },
  {
    bug: 'notin wants the label to be there',
    file: 'src/api/meta/label-selector.ts',
    find: 'return value === undefined || !values.includes(value);',
    replace: 'return value !== undefined && !values.includes(value);',
    test: { file: 'src/api/meta/label-selector.test.ts', name: '' },
  },
  {
    bug: 'apply takes fields from other managers without being forced',
    file: 'src/api/meta/apply.ts',
    find: 'if (request.force || conflicts.length === 0) return;',
    replace: 'if (!request.force || conflicts.length === 0) return;',
    test: { file: 'src/api/meta/replay.test.ts', name: '' },
  },
  {
    bug: 'an update may give an object another uid',
    file: 'src/api/meta/object-meta.ts',
    find: "'uid',\n  'creationTimestamp',",
    replace: "'creationTimestamp',",
    test: { file: 'src/api/meta/object-meta.test.ts', name: 'keeps identity' },
  },
  {
    bug: 'an object on its way out takes new finalizers',
    file: 'src/api/meta/object-meta.ts',
    find: 'if (old.deletionTimestamp) errors.push',
    replace: 'if (!old.deletionTimestamp) errors.push',
    test: { file: 'src/api/meta/object-meta.test.ts', name: 'takes no further finalizers' },
  },
  {
    bug: 'a Deployment may change its selector',
    file: 'src/api/validation/rules.ts',
    find: '    validate: validateDeployment,\n    validateUpdate: validateSelectorUpdate,\n',
    replace: '    validate: validateDeployment,\n',
    test: { file: 'src/api/validation/update.test.ts', name: 'Deployment keeps its selector' },
  },
  {
    bug: 'an immutable ConfigMap changes',
    file: 'src/api/validation/rules.ts',
    find: 'configmaps: { validate: validateConfigMap, validateUpdate: validateConfigMapUpdate },',
    replace: 'configmaps: { validate: validateConfigMap },',
    test: { file: 'src/api/validation/update.test.ts', name: 'immutable ConfigMaps and Secrets stay so' },
  },
  {
    bug: 'an owner of another version owns all of a map in which it owns something',
    file: 'src/api/meta/apply.ts',
    find: 'removeFields(other.shape, other.to(object), membersOf(set))',
    replace: 'removeFields(other.shape, other.to(object), set)',
    test: { file: 'src/apiserver/round-trip.test.ts', name: 'managers that share nothing come to the same' },
  },
  {
    bug: 'a resize may take back what was asked for',
    file: 'src/api/validation/pod-resize.ts',
    find: 'now?.[part]?.[name] !== undefined',
    replace: 'now?.[part]?.[name] !== null',
    test: { file: 'src/apiserver/verbs/resize.test.ts', name: 'refuses what may not change' },
  },
  {
    bug: 'a configuration that is wrong replaces the one before',
    file: 'src/cluster/server/authentication-options.ts',
    find: 'configure(await authenticationOptions(deps, layout, flags));',
    replace: 'configure(await authenticationOptions(deps, layout, flags).catch(() => ({})));',
    test: { file: 'src/cluster/server/authentication-options.test.ts', name: 'is read again when a file changes' },
  },
];
