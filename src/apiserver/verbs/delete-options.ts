import type { DeleteOptions } from '../../api/generated/types.ts';
import { badRequest, type FieldError, invalid } from '../../api/meta/status-error.ts';
import { type ApiRequest, flag } from '../request.ts';

const policies = ['Foreground', 'Background', 'Orphan'];

/** DeleteOptions from the body, or from the query where there is no body; checked as Kubernetes checks them. */
export function deleteOptions(request: ApiRequest): DeleteOptions & { dryRun: string[] } {
  const body = request.body as DeleteOptions | undefined;
  if (body !== undefined && (typeof body !== 'object' || body === null)) {
    throw badRequest('the object provided is unrecognized (must be of type DeleteOptions)');
  }
  const options = { ...(body && Object.keys(body).length > 0 ? body : fromQuery(request.query)) };
  const dryRun = [...(options.dryRun ?? []), ...request.query.getAll('dryRun')];
  const errors: FieldError[] = [];
  if (options.orphanDependents !== undefined && options.propagationPolicy) {
    errors.push({
      type: 'FieldValueInvalid',
      field: 'propagationPolicy',
      message: `Invalid value: "${options.propagationPolicy}": orphanDependents and deletionPropagation cannot be both set`,
    });
  } else if (options.propagationPolicy && !policies.includes(options.propagationPolicy)) {
    const supported = [...policies, 'nil'].map((policy) => `"${policy}"`).join(', ');
    errors.push({
      type: 'FieldValueNotSupported',
      field: 'propagationPolicy',
      message: `Unsupported value: "${options.propagationPolicy}": supported values: ${supported}`,
    });
  }
  if (dryRun.some((value) => value !== 'All')) {
    const shown = dryRun.map((value) => JSON.stringify(value)).join(', ');
    errors.push({
      type: 'FieldValueNotSupported',
      field: 'dryRun',
      message: `Unsupported value: []string{${shown}}: supported values: "All"`,
    });
  }
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', errors);
  return { ...options, dryRun };
}

function fromQuery(query: URLSearchParams): DeleteOptions {
  const options: DeleteOptions = {};
  const grace = query.get('gracePeriodSeconds');
  if (grace !== null) options.gracePeriodSeconds = Number(grace);
  if (query.get('propagationPolicy')) options.propagationPolicy = query.get('propagationPolicy') as string;
  if (query.has('orphanDependents')) options.orphanDependents = flag(query, 'orphanDependents');
  return options;
}
