import { namespaces } from '../../api/generated/resources.ts';
import { notFound } from '../../api/meta/status-error.ts';
import { definePlugin } from './plugin.ts';

/** Nothing is written in a namespace that is not there. */
export const namespaceExists = definePlugin({
  name: 'NamespaceExists',
  verbs: ['create', 'update', 'delete'],
  resources: ['*'],
  validate({ namespace, resource, group, read }) {
    if (!namespace || (resource === 'namespaces' && group === '')) return;
    if (!read.get(namespaces, '', namespace)) throw notFound(namespaces, namespace);
  },
});
