import type { DeleteOptions } from '../api/generated/types.ts';
import { groupVersion, type KubeObject, keyOf, type ObjectKey, type Resource } from '../api/resource.ts';
import type { Client, ListOptions, WatchOptions, WriteOptions } from './client.ts';
import type { Transport } from './transport.ts';

export interface ClientOptions {
  /** The field manager of writes that do not name one. */
  fieldManager?: string;
}

/** The typed client over any transport. Rejects with `StatusError`, as the transport does. */
export function createClient(transport: Transport, options: ClientOptions = {}): Client {
  // The same object for all that say nothing: who reads it need not read it again.
  const usual = definedOnly({ fieldManager: options.fieldManager });
  const writeQuery = (o?: WriteOptions) => {
    if (!o || (o.fieldManager === undefined && !o.dryRun && !o.force)) return usual;
    return definedOnly({
      fieldManager: o.fieldManager ?? options.fieldManager,
      dryRun: o.dryRun ? 'All' : undefined,
      force: o.force ? 'true' : undefined,
    });
  };
  const call = <T>(c: Parameters<Transport['call']>[0]) => transport.call(c) as Promise<T>;

  return {
    get: (resource, key) => call({ verb: 'get', resource, key, query: nothing }),
    getSubresource: (resource, key, subresource) => call({ verb: 'get', resource, key, subresource, query: nothing }),
    list: (resource, o = {}) => call({ verb: 'list', resource, key: scopeOf(o), query: listQuery(o) }),
    watch: (resource, o, sink) =>
      transport.watch({ resource, key: scopeOf(o), query: watchQuery(o) }, sink as Parameters<Transport['watch']>[1]),
    create: (resource, object, o) =>
      call({
        verb: 'create',
        resource,
        key: scopeOf(object.metadata),
        query: writeQuery(o),
        body: typed(resource, object),
      }),
    update: (resource, object, o) =>
      call({
        verb: 'update',
        resource,
        key: keyOf(object),
        subresource: o?.subresource,
        query: writeQuery(o),
        // A scale is another kind than the resource it scales: it names itself.
        body: o?.subresource === 'scale' ? object : typed(resource, object),
      }),
    patch: (resource, key, patch, o) =>
      call({
        verb: 'patch',
        resource,
        key,
        subresource: o?.subresource,
        query: writeQuery(o),
        body: patch.body,
        patchType: patch.type,
      }),
    delete: (resource, key, o) =>
      call({ verb: 'delete', resource, key, query: nothing, ...(o ? { body: deleteBody(o) } : {}) }),
    createSubresource: (resource, key, subresource, body) =>
      call({ verb: 'create', resource, key, subresource, query: writeQuery(), body }),
  };
}

const nothing: Record<string, string> = {};

const deleteBody = (options: DeleteOptions) => ({ kind: 'DeleteOptions', apiVersion: 'v1', ...options });

const scopeOf = (o: { namespace?: string }): Partial<ObjectKey> => (o.namespace ? { namespace: o.namespace } : {});

const typed = (resource: Resource, object: object): object => {
  const o = object as Partial<KubeObject>;
  return o.kind && o.apiVersion ? object : { apiVersion: groupVersion(resource), kind: resource.kind, ...object };
};

const listQuery = (o: ListOptions) =>
  definedOnly({
    labelSelector: o.labelSelector,
    fieldSelector: o.fieldSelector,
    limit: o.limit === undefined ? undefined : String(o.limit),
    continue: o.continue,
    resourceVersion: o.resourceVersion,
    resourceVersionMatch: o.resourceVersionMatch,
  });

const watchQuery = (o: WatchOptions) =>
  definedOnly({
    labelSelector: o.labelSelector,
    fieldSelector: o.fieldSelector,
    resourceVersion: o.resourceVersion,
    timeoutSeconds: o.timeoutSeconds === undefined ? undefined : String(o.timeoutSeconds),
    allowWatchBookmarks: 'true',
  });

function definedOnly(values: Record<string, string | undefined>): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const name in values) if (values[name]) defined[name] = values[name];
  return defined;
}
