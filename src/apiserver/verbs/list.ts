import { quoted } from '../../api/meta/field-error.ts';
import { badRequest, type FieldError, invalid, StatusError } from '../../api/meta/status-error.ts';
import { jsonSyntaxError } from '../../api/schema/json-syntax.ts';
import { CompactedError, type Page } from '../../store/replica.ts';
import type { ApiContext } from '../context.ts';
import { type Answer, type ApiRequest, queryNumber } from '../request.ts';
import { reached } from './reached.ts';
import { deleteMatching } from './delete.ts';
import { deleteOptions } from './delete-options.ts';
import { parseResourceVersion } from './request-body.ts';
import { type Selection, selectionOf } from './selection.ts';

interface Position {
  /** The revision of the first page. */
  revision: number;
  /** The key of the last object that was given out. */
  after: string;
}

/** GET of a collection: one revision, whole or in pages. */
export async function list(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { query } = request;
  checkListOptions(request);
  const selection = selectionOf(context, request);
  const token = query.get('continue') ?? '';
  const position = token ? parseContinue(token) : undefined;
  const version = query.get('resourceVersion') ?? '';
  if (token && version !== '' && version !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  // What comes from a cache (any version will do) comes whole.
  const limit = version === '0' && !token ? 0 : Math.max(0, queryNumber(query, 'limit') ?? 0);
  const revision = position ? position.revision : await revisionOf(context, request, limit);
  const page = await servedPage(context, request, { selection, limit, revision, after: position?.after });
  const answer: Answer = { type: 'list', revision: page.revision, versions: page.versions };
  const last = page.versions.at(-1);
  if (page.remaining > 0 && last) {
    answer.continueToken = formatContinue({ revision: page.revision, after: last.key });
    if (!selection.selective) answer.remaining = page.remaining;
  }
  return answer;
}

/** DELETE of a collection: answers with what it found. */
export async function deleteCollection(context: ApiContext, request: ApiRequest): Promise<Answer> {
  deleteOptions(request);
  const answer = (await list(context, { ...request, verb: 'list' })) as Answer & { type: 'list' };
  await deleteMatching(context, request, answer.versions);
  return answer;
}

interface PageAsked {
  selection: Selection;
  limit: number;
  revision: number | undefined;
  after: string | undefined;
}

/** A page as the endpoint serves it. What is selected by what is served must be served whole before it can be cut. */
async function servedPage(context: ApiContext, request: ApiRequest, ask: PageAsked): Promise<Page> {
  const { limit, selection } = ask;
  const { matchesServed } = selection;
  const page = readPage(context, request, matchesServed ? { ...ask, limit: 0 } : ask);
  const views = await request.endpoint.representation.serve(page.versions);
  if (!matchesServed) return { ...page, versions: views };
  const found = views.filter(matchesServed);
  const versions = limit > 0 ? found.slice(0, limit) : found;
  return { revision: page.revision, versions, remaining: found.length - versions.length };
}

function readPage(context: ApiContext, request: ApiRequest, ask: PageAsked): Page {
  const { selection, limit, revision, after } = ask;
  try {
    return context.store.list(request.endpoint.resource, { ...selection, limit, revision, after });
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw after === undefined ? tooOld() : continueTooOld(context.store.revision, after);
  }
}

const tooOld = (): StatusError => StatusError.of('Expired', 'The resourceVersion for the provided list is too old.');

function continueTooOld(revision: number, after: string): StatusError {
  const error = StatusError.of(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
  error.status.metadata = { continue: formatContinue({ revision, after }) };
  return error;
}

/**
 * The revision to list at; undefined: the newest. A version that is still to come is waited for, for a little while.
 * With a limit, an unqualified version means exactly that one (a rule older than resourceVersionMatch).
 */
async function revisionOf(context: ApiContext, request: ApiRequest, limit: number): Promise<number | undefined> {
  const text = request.query.get('resourceVersion') ?? '';
  if (text === '' || text === '0') return undefined;
  const revision = parseResourceVersion(text);
  const match = request.query.get('resourceVersionMatch') ?? '';
  const exact = match === 'Exact' || (match === '' && limit > 0);
  if (exact && revision > context.store.revision) throw futureRevision();
  await reached(context, revision);
  return exact ? revision : undefined;
}

/** etcd's words, with 500 and no reason. */
const futureRevision = (): StatusError =>
  new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'etcdserver: mvcc: required revision is a future revision',
    code: 500,
  });

/** The rules for resourceVersion, resourceVersionMatch and continue together (KEP-1904). */
export function checkListOptions(request: ApiRequest): void {
  const { query } = request;
  queryNumber(query, 'limit');
  queryNumber(query, 'timeoutSeconds');
  const match = query.get('resourceVersionMatch') ?? '';
  const version = query.get('resourceVersion') ?? '';
  const errors: FieldError[] = [];
  const forbidden = (message: string) =>
    errors.push({ type: 'FieldValueForbidden', field: 'resourceVersionMatch', message: `Forbidden: ${message}` });
  if (match !== '' && match !== 'Exact' && match !== 'NotOlderThan') {
    errors.push({
      type: 'FieldValueNotSupported',
      field: 'resourceVersionMatch',
      message: `Unsupported value: "${match}": supported values: "Exact", "NotOlderThan", ""`,
    });
  }
  if (match !== '' && version === '' && request.verb === 'list') {
    forbidden('resourceVersionMatch is forbidden unless resourceVersion is provided');
  }
  if (match !== '' && query.get('continue')) {
    forbidden('resourceVersionMatch is forbidden when continue is provided');
  }
  if (match === 'Exact' && version === '0') {
    forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors);
}

const formatContinue = (position: Position): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: position.revision, start: `${position.after}\0` })).toString(
    'base64url',
  );

function parseContinue(token: string): Position {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (v === 'meta.k8s.io/v1' && Number.isSafeInteger(rv) && typeof start === 'string') {
      return { revision: rv, after: start.replace(/\0$/, '') };
    }
  } catch {
    // Not one of ours: said below.
  }
  throw badRequest(`invalid continue token: continue key is not valid: ${whyInvalid(token)}`);
}

function whyInvalid(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('latin1');
  try {
    const { v } = JSON.parse(text) as { v?: unknown };
    if (v !== 'meta.k8s.io/v1') return `server does not recognize this encoded version ${quoted(String(v ?? ''))}`;
    return 'incorrect encoded start resourceVersion (version meta.k8s.io/v1)';
  } catch {
    return jsonSyntaxError(text);
  }
}
