import type { DeleteOptions } from '../../api/generated/types.ts';
import { invalidValue, notSupported } from '../../api/meta/field-error.ts';
import { type FieldError, invalid, StatusError } from '../../api/meta/status-error.ts';
import { schema } from '../../api/schema/schema.ts';
import { type ApiRequest, flag, queryNumber } from '../request.ts';

const policies = ['Foreground', 'Background', 'Orphan'];
const codec = schema.codecFor('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions');

/** DeleteOptions from the body, or from the query where there is no body; checked as Kubernetes checks them. */
export function deleteOptions(request: ApiRequest): DeleteOptions & { dryRun: string[] } {
  const options = request.body === undefined ? fromQuery(request.query) : fromBody(request.body);
  const dryRun = options.dryRun ?? [];
  const errors: FieldError[] = [];
  if (options.orphanDependents !== undefined && options.propagationPolicy) {
    const both = 'orphanDependents and deletionPropagation cannot be both set';
    errors.push(invalidValue('propagationPolicy', options.propagationPolicy, both));
  } else if (options.propagationPolicy && !policies.includes(options.propagationPolicy)) {
    errors.push(notSupported('propagationPolicy', options.propagationPolicy, [...policies, 'nil']));
  }
  errors.push(...unreadable(options));
  if (dryRun.some((value) => value !== 'All')) errors.push(notSupported('dryRun', dryRun, ['All']));
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', errors);
  return { ...options, dryRun };
}

/** Whoever deletes what cannot be read says nothing else. */
function unreadable(options: DeleteOptions): FieldError[] {
  const path = 'ignoreStoreReadErrorWithClusterBreakingPotential';
  if (!options[path]) return [];
  const others = ['dryRun', 'propagationPolicy', 'orphanDependents', 'gracePeriodSeconds', 'preconditions'] as const;
  return others
    .filter((name) => (name === 'dryRun' ? options.dryRun?.length : options[name] !== undefined))
    .map((name) => invalidValue(path, true, `cannot be set together with .${name}`));
}

function fromBody(body: unknown): DeleteOptions {
  const { kind = 'DeleteOptions', apiVersion = 'v1' } = (body ?? {}) as { kind?: string; apiVersion?: string };
  if (kind !== 'DeleteOptions') {
    throw undecodable(
      `no kind "${kind}" is registered for version "${apiVersion}" in scheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"`,
    );
  }
  try {
    return codec.decode(body).object as DeleteOptions;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw undecodable(
      error.message.replace(/^DeleteOptions in version "[^"]*" cannot be handled as a DeleteOptions: /, ''),
    );
  }
}

/** Options that cannot be read are answered with 500 and no reason. */
const undecodable = (message: string): StatusError =>
  new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 });

function fromQuery(query: URLSearchParams): DeleteOptions {
  const options: DeleteOptions = {};
  const grace = queryNumber(query, 'gracePeriodSeconds');
  if (grace !== undefined) options.gracePeriodSeconds = grace;
  if (query.get('propagationPolicy')) options.propagationPolicy = query.get('propagationPolicy') as string;
  if (query.has('orphanDependents')) options.orphanDependents = flag(query, 'orphanDependents');
  if (query.has('dryRun')) options.dryRun = query.getAll('dryRun');
  return options;
}
