import type { PersistentVolume } from '../../api/generated/types.ts';
import { isDataFree, isLocalPath, localPathNodeLabel } from '../../api/storage/local-path.ts';
import type { NodeRule } from './node-restriction.ts';
import { refused } from './plugin.ts';

/** Volumes: a node lets go of those on its own disk, when they are being deleted and nothing else holds them. */
export const restrictVolume: NodeRule = (node, context) => {
  const [volume, old] = [context.object as PersistentVolume | undefined, context.old as PersistentVolume | undefined];
  const isOwn = old && isLocalPath(old) && old.metadata.labels?.[localPathNodeLabel] === node;
  if (context.verb !== 'update' || !isOwn || !isDataFree(old))
    throw refused(context, `node ${JSON.stringify(node)} can only release deleted volumes of its own disk`);
  if (JSON.stringify(volume?.spec) !== JSON.stringify(old.spec))
    throw refused(context, `node ${JSON.stringify(node)} can only remove the finalizer of a volume`);
};
