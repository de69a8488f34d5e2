import type { OwnerReference } from '../../api/generated/types.ts';
import { type AdmissionContext, type AdmissionPlugin, definePlugin, refused } from './plugin.ts';

/** Finds the resource of a kind: `deployments` for `apps/v1` Deployment. */
export type ResourceOfKind = (
  apiVersion: string,
  kind: string,
) => { group: string; version: string; resource: string; namespaced: boolean } | undefined;

/**
 * Who changes the owners of an object must be allowed to delete it: that is what an owner can bring about. Who has an owner's deletion
 * wait for the object must be allowed to change the owner's finalizers.
 */
export const ownerReferencesPermissionEnforcement = (resourceOf: ResourceOfKind): AdmissionPlugin =>
  definePlugin({
    name: 'OwnerReferencesPermissionEnforcement',
    verbs: ['create', 'update'],
    resources: ['*'],
    async validate(context) {
      const now = ownersOf(context.object);
      const before = ownersOf(context.old);
      // A create may set what it likes: whoever makes an object can have it go.
      if (context.verb === 'update' && JSON.stringify(now) !== JSON.stringify(before)) await checkDelete(context);
      for (const owner of newlyBlocking(now, before)) await checkFinalizers(context, owner, resourceOf);
    },
  });

const ownersOf = (object: AdmissionContext['old']): readonly OwnerReference[] => object?.metadata.ownerReferences ?? [];

const newlyBlocking = (now: readonly OwnerReference[], before: readonly OwnerReference[]): OwnerReference[] =>
  now.filter(
    ({ uid, blockOwnerDeletion }) =>
      blockOwnerDeletion === true && !before.some((old) => old.uid === uid && old.blockOwnerDeletion === true),
  );

async function checkDelete(context: AdmissionContext): Promise<void> {
  const { authorizer, user, group, resource, namespace, name, endpoint } = context;
  const { version } = endpoint.kind;
  const attributes = { verb: 'delete', group, version, resource, subresource: '', namespace, name };
  const { allowed, reason } = await authorizer.authorize(user, attributes);
  if (!allowed) throw refused(context, `cannot set an ownerRef on a resource you can't delete: ${reason}, <nil>`);
}

async function checkFinalizers(
  context: AdmissionContext,
  { apiVersion, kind, name }: OwnerReference,
  resourceOf: ResourceOfKind,
): Promise<void> {
  const text = 'cannot set blockOwnerDeletion in this case because cannot find RESTMapping for';
  const owner = resourceOf(apiVersion, kind);
  if (!owner)
    throw refused(
      context,
      `${text} APIVersion ${apiVersion} Kind ${kind}: no matches for kind "${kind}" in version "${apiVersion}"`,
    );
  const { group, version, resource } = owner;
  const namespace = owner.namespaced ? context.namespace : '';
  const attributes = { verb: 'update', group, version, resource, subresource: 'finalizers', namespace, name };
  const { allowed, reason } = await context.authorizer.authorize(context.user, attributes);
  if (!allowed)
    throw refused(
      context,
      `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${reason}, <nil>`,
    );
}
