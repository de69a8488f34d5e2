import { controllerrevisions } from '../api/generated/resources.ts';
import type { ControllerRevision, LabelSelector, PodTemplateSpec } from '../api/generated/types.ts';
import { isAlreadyExists, isNotFound } from '../api/meta/status-error.ts';
import { type KubeObject, keyOf, type Manifest, type Resource } from '../api/resource.ts';
import type { Client } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';
import { claim, controllerReference } from './ownership.ts';
import { sameJson } from './same-json.ts';
import { templateHash } from './template-hash.ts';

/** An owner whose templates are kept as ControllerRevisions: StatefulSet, DaemonSet. */
export interface Revisioned<O extends KubeObject> {
  resource: Resource<O>;
  owner: O;
  selector: LabelSelector;
  template: PodTemplateSpec;
  collisionCount: number | undefined;
  /** The label of a revision with its hash. */
  hashLabel: string;
}

export interface Revisions {
  /** The one of the template as it is now, with the highest number. */
  update: ControllerRevision;
  /** With it, oldest first. */
  all: ControllerRevision[];
  /** Changed when two templates had the same hash. */
  collisionCount: number | undefined;
}

/** What a revision stores: the strategic merge patch that brings its template back, as `kubectl rollout undo` sends it. */
export const revisionData = (template: PodTemplateSpec) => ({ spec: { template: { ...template, $patch: 'replace' } } });

/** The template that a revision stores. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { $patch: _, ...template } = (revision.data as ReturnType<typeof revisionData>).spec.template;
  return template;
}

export const byRevision = (a: ControllerRevision, b: ControllerRevision): number =>
  a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1);

/**
 * The revisions an owner has, with one for its present template: a known template that comes back gets the highest number
 * (a roll-back is a new revision), an unknown one is stored.
 */
export async function ensureRevision<O extends KubeObject>(
  of: Revisioned<O>,
  { client, informer }: { client: Client; informer: Informer<ControllerRevision> },
): Promise<Revisions> {
  const { owner, selector, collisionCount } = of;
  const resources = { ownerResource: of.resource, owner, resource: controllerrevisions };
  const all = (await claim({ ...resources, informer, selector, client })).sort(byRevision);
  const data = revisionData(of.template);
  const equal = all.filter((r) => sameJson(r.data, data)).at(-1);
  const last = all.at(-1);
  if (equal && equal === last) return { update: equal, all, collisionCount };
  const revision = (last?.revision ?? 0) + 1;
  if (equal) {
    const update = await client.update(controllerrevisions, { ...equal, revision });
    return { update, all: [...all.filter((r) => r !== equal), update], collisionCount };
  }
  const created = await create(of, client, { revision, data });
  return { update: created.update, all: [...all, created.update], collisionCount: created.collisionCount };
}

/** Two templates may share a hash: the count makes another one. */
async function create<O extends KubeObject>(
  of: Revisioned<O>,
  client: Client,
  { revision, data }: { revision: number; data: ReturnType<typeof revisionData> },
): Promise<{ update: ControllerRevision; collisionCount: number | undefined }> {
  let { collisionCount } = of;
  for (;;) {
    const manifest = manifestOf(of, { revision, data, collisionCount });
    try {
      return { update: await client.create(controllerrevisions, manifest), collisionCount };
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const key = { namespace: of.owner.metadata.namespace, name: manifest.metadata.name ?? '' };
      const other = await client.get(controllerrevisions, key);
      if (sameJson(other.data, data)) return { update: other, collisionCount };
      collisionCount = (collisionCount ?? 0) + 1;
    }
  }
}

function manifestOf<O extends KubeObject>(
  of: Revisioned<O>,
  { revision, data, collisionCount }: { revision: number; data: unknown; collisionCount: number | undefined },
): Manifest<ControllerRevision> {
  const { name, namespace, annotations } = of.owner.metadata;
  const hash = templateHash(of.template, collisionCount);
  return {
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...of.template.metadata?.labels, [of.hashLabel]: hash },
      annotations,
      ownerReferences: [controllerReference(of.resource, of.owner)],
    },
    data,
    revision,
  } as Manifest<ControllerRevision>;
}

/** Deletes the oldest revisions that nothing uses, beyond as many as the history keeps. */
export async function dropOldRevisions(
  client: Client,
  { all, used, limit }: { all: ControllerRevision[]; used: (revision: ControllerRevision) => boolean; limit: number },
): Promise<void> {
  const history = all.filter((r) => !used(r) && !r.metadata.deletionTimestamp).sort(byRevision);
  for (const revision of history.slice(0, Math.max(0, history.length - limit))) {
    try {
      await client.delete(controllerrevisions, keyOf(revision), { preconditions: { uid: revision.metadata.uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
