import { alreadyExists, invalid, nameConflict, StatusError } from '../../api/meta/status-error.ts';
import { cloneJson } from '../../api/meta/json.ts';
import type { KubeObject } from '../../api/resource.ts';
import { randomSuffix, uuid } from '../../base/rng.ts';
import { type ApiContext, timestamp } from '../context.ts';
import { recordManagers } from '../field-managers.ts';
import type { Answer, ApiRequest } from '../request.ts';
import { commitObject, validateNew } from './commit.ts';
import { checkIdentity, checkWriteOptions, decodeObject } from './request-body.ts';
import { writesWithObject } from './side-writes.ts';

/** How many names are tried for `generateName` before the conflict is the client's (KEP-4420). */
const maxNameAttempts = 8;
const maxGeneratedName = 63;
const suffixLength = 5;

/** POST to a collection. */
export async function create(context: ApiContext, request: ApiRequest): Promise<Answer> {
  checkWriteOptions(request);
  const made = (warn: ApiRequest['warn']): KubeObject => {
    const object = decodeObject(context, { ...request, warn }, request.body);
    checkIdentity(request, object);
    return object;
  };
  let object = made(request.warn);
  for (let attempt = 1; ; attempt++) {
    try {
      return await createObject(context, request, object);
    } catch (error) {
      if (!(error instanceof NameTaken)) throw error;
      if (attempt === maxNameAttempts) throw nameConflict(request.endpoint.kind, error.message);
      // Another name may mean other content: it is made anew.
      object = made(() => {});
    }
  }
}

/** A name that the server made is one that there is already. */
class NameTaken extends Error {}

/** From a decoded, defaulted object of the writer's own to a stored one: admission, system fields, rules, commit. */
export async function createObject(context: ApiContext, request: ApiRequest, object: KubeObject): Promise<Answer> {
  const { endpoint } = request;
  const { dryRun } = checkWriteOptions(request);
  if (object.metadata.resourceVersion) throw rvOnCreate();
  const admission = { verb: 'create' as const, request, object, old: undefined, dryRun };
  // What admission and the strategy fill in belongs to nobody.
  recordManagers(context, request, { object, old: undefined });
  await context.admission.admit(admission);
  const { metadata } = object;
  const isGenerated = !metadata.name && Boolean(metadata.generateName);
  if (isGenerated) metadata.name = generateName(context, metadata.generateName as string);
  prepare(context, request, object);
  validateNew(endpoint, object);
  await context.admission.validate(admission);
  const key = metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name;
  const stored = await endpoint.representation.store(object);
  const taken = context.store.head(endpoint.resource, key);
  if (!taken) {
    const also = writesWithObject(context, endpoint, { object, old: undefined, dryRun });
    return commitObject(context, request, { key, object, stored, dryRun, code: 201, also });
  }
  if (isGenerated) throw new NameTaken(metadata.name);
  if (metadata.generateName) throw nameConflict(endpoint.kind, metadata.name);
  const deleting = context.objects.read(taken).metadata.deletionTimestamp !== undefined;
  throw alreadyExists(endpoint.kind, metadata.name, deleting);
}

function prepare(context: ApiContext, request: ApiRequest, object: KubeObject): void {
  const { endpoint } = request;
  const { metadata } = object;
  if (!metadata.name && !metadata.generateName) {
    throw invalid(endpoint.kind, '', [
      {
        type: 'FieldValueRequired',
        field: 'metadata.name',
        message: 'Required value: name or generateName is required',
      },
    ]);
  }
  metadata.uid = uuid(context.rng);
  metadata.creationTimestamp = timestamp(context.clock.now());
  metadata.deletionTimestamp = undefined;
  metadata.deletionGracePeriodSeconds = undefined;
  metadata.generation = endpoint.kind.generation ? 1 : undefined;
  const { strategy, kind } = endpoint;
  if (kind.statusSubresource && kind.resetFields?.includes('status') && !strategy.keepsStatusOnCreate) {
    const fresh = endpoint.type.fields.empty() as { status?: unknown };
    // Everybody's: the strategy gets a copy to write in.
    (object as { status?: unknown }).status = cloneJson(fresh.status);
  }
  strategy.prepareForCreate?.(object);
}

function generateName(context: ApiContext, base: string): string {
  return base.slice(0, maxGeneratedName - suffixLength) + randomSuffix(context.names, suffixLength);
}

/** Kubernetes answers this with 500 and no reason. */
function rvOnCreate(): StatusError {
  const message = 'resourceVersion should not be set on objects to be created';
  return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 });
}
