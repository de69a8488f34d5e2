import { notSupported } from '../../api/meta/field-error.ts';
import { badRequest, invalid } from '../../api/meta/status-error.ts';
import { DecodeError } from '../../api/schema/decode-error.ts';
import { strangeMembers } from '../../api/schema/strange-members.ts';
import { type ApiRequest, optionsKind } from '../request.ts';

/** How unknown and duplicate fields are treated; Warn is the server's default (KEP-2885). */
function fieldValidation(request: ApiRequest): 'Strict' | 'Warn' | 'Ignore' {
  const mode = request.query.get('fieldValidation') ?? '';
  if (mode === '') return 'Warn';
  if (mode === 'Strict' || mode === 'Warn' || mode === 'Ignore') return mode;
  throw invalid({ group: 'meta.k8s.io', kind: optionsKind(request) }, '', [
    notSupported('fieldValidation', mode, ['', 'Ignore', 'Strict', 'Warn']),
  ]);
}

/** What a body was read as. */
interface ReadAs {
  kind: string;
  version: string;
  isCustom: boolean;
}

/** Refuses what a body, or what a patch has made, has too much of; or warns; or says nothing. `unknown`: paths. Throws `DecodeError`. */
export function validateFields(request: ApiRequest, unknown: readonly string[], as: ReadAs): void {
  const mode = fieldValidation(request);
  if (mode === 'Ignore') return;
  const { yaml, members } = findings(request, unknown, as);
  if (yaml.length === 0 && members.length === 0) return;
  if (mode === 'Warn') {
    for (const text of [...yaml, ...members]) request.warn(text);
    return;
  }
  const prefix = `${as.kind} in version "${as.version}" cannot be handled as a ${as.kind}`;
  const all = [...(yaml.length > 0 ? [yamlError(yaml)] : []), ...members];
  throw new DecodeError(prefix, `strict decoding error: ${all.join(', ')}`);
}

/** What is applied is compared with its schema elsewhere: here only what it had twice. Throws BadRequest. */
export function validateApplied(request: ApiRequest): void {
  const mode = fieldValidation(request);
  const yaml = request.source?.yaml ?? [];
  if (mode === 'Ignore' || yaml.length === 0) return;
  if (mode === 'Strict')
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${yamlError(yaml)}`);
  for (const text of yaml) request.warn(text);
}

const yamlError = (lines: readonly string[]): string => `yaml: unmarshal errors:\n  ${lines.join('\n  ')}`;

/** In Kubernetes' order, which follows from how it reads the body. */
function findings(
  { source = {}, patchType, body }: ApiRequest,
  unknown: readonly string[],
  { isCustom }: ReadAs,
): { yaml: readonly string[]; members: string[] } {
  const { json, yaml = [] } = source;
  const named = (paths: readonly string[]) => paths.map((path) => `unknown field "${path}"`);
  // Custom resources are read in two steps, and say in which order. YAML, and what a patch has made, has its members sorted.
  const later = named(isCustom ? unknown : sorted(unknown));
  if (json === undefined) return { yaml, members: source.yaml ? later : named(unknown) };
  if (patchType === 'json') return { yaml, members: [...strangeOperations(json, body), ...later] };
  if (patchType || isCustom) return { yaml, members: [...strangeMembers(json), ...later] };
  return { yaml, members: strangeMembers(json, unknown) };
}

const operationMembers = ['op', 'path', 'from', 'value'];

function strangeOperations(json: string, operations: unknown): string[] {
  const unknown = (Array.isArray(operations) ? operations : []).flatMap((operation: unknown, i) =>
    Object.keys(operation ?? {})
      .filter((name) => !operationMembers.includes(name))
      .map((name) => `[${i}].${name}`),
  );
  return strangeMembers(json, unknown).map((text) => `json patch ${text}`);
}

/** By their members, as a document is whose members are sorted. */
const sorted = (paths: readonly string[]): string[] =>
  paths.toSorted((a, b) => {
    const [as, bs] = [parts(a), parts(b)];
    for (let i = 0; i < Math.min(as.length, bs.length); i++) {
      const [x, y] = [as[i] as string, bs[i] as string];
      if (x === y) continue;
      if (/^\d+$/.test(x) && /^\d+$/.test(y)) return Number(x) - Number(y);
      return x < y ? -1 : 1;
    }
    return as.length - bs.length;
  });

const parts = (path: string): string[] => path.split(/[.[\]]+/).filter((part) => part !== '');
