import { namespaces } from '../../api/generated/resources.ts';
import { notFound, StatusError } from '../../api/meta/status-error.ts';
import { type AdmissionContext, definePlugin, refused } from './plugin.ts';

const immortal = ['default', 'kube-system', 'kube-public'];

/** Objects are created only in namespaces that exist and are not ending; the basic namespaces stay. */
export const namespaceLifecycle = definePlugin({
  name: 'NamespaceLifecycle',
  verbs: ['create', 'delete'],
  resources: ['*'],
  admit(context) {
    if (context.verb === 'delete') {
      const isNamespace = context.resource === 'namespaces' && context.group === '';
      if (isNamespace && immortal.includes(context.name)) throw refused(context, 'this namespace may not be deleted');
      return;
    }
    if (!context.namespace || context.resource === 'namespaces') return;
    const namespace = context.read.get(namespaces, '', context.namespace);
    if (!namespace) throw notFound(namespaces, context.namespace);
    if (namespace.metadata.deletionTimestamp || namespace.status?.phase === 'Terminating') throw terminating(context);
  },
});

function terminating(context: AdmissionContext): StatusError {
  const { status } = refused(
    context,
    `unable to create new content in namespace ${context.namespace} because it is being terminated`,
  );
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${context.namespace} is being terminated`,
    field: 'metadata.namespace',
  };
  return new StatusError({ ...status, details: { ...status.details, causes: [cause] } });
}
