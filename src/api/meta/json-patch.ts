import { toJson } from '../../base/lossless-json.ts';
import { equalJson, isJsonObject, type JsonObject } from './json.ts';
import { badRequest, StatusError } from './status-error.ts';

/** Limits of the API server: operations a patch, and what all its copies may add (bytes of JSON text). */
const maxOperations = 10_000;
const maxCopiedBytes = 3 * 1024 * 1024;

interface Operation {
  op: string;
  path: string[];
  from?: string[];
  value?: unknown;
}

/**
 * What a JSON patch (RFC 6902) makes of a document. The document stays as it is; the result shares what the patch does
 * not touch. Negative array indices count from the end, as they do in Kubernetes.
 * Throws BadRequest for a patch that is no list, RequestEntityTooLarge past the limits, and Invalid (422) when an
 * operation is malformed, does not apply, or its test fails.
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    throw badRequest(`json: cannot unmarshal ${goKind(patch)} into Go value of type jsonpatch.Patch`);
  }
  if (patch.length > maxOperations) {
    throw tooLarge(`The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`);
  }
  let result = document;
  let copied = 0;
  for (const raw of patch) {
    const operation = parse(raw);
    result = apply(result, operation);
    if (operation.op !== 'copy') continue;
    copied += toJson(get(result, operation.path)).length;
    if (copied > maxCopiedBytes) {
      throw tooLarge(
        `Unable to complete the copy operation, the accumulated size increase of copy is ${copied}, exceeding the limit ${maxCopiedBytes}`,
      );
    }
  }
  return result;
}

const goKind = (value: unknown): string => (isJsonObject(value) ? 'object' : value === null ? 'null' : typeof value);

const tooLarge = (message: string): StatusError =>
  StatusError.of('RequestEntityTooLarge', `Request entity too large: ${message}`);

/** Kubernetes does not say which operation failed. */
const rejected = (): StatusError =>
  StatusError.of('Invalid', 'the server rejected our request due to an error in our request', {});

function parse(raw: unknown): Operation {
  if (!isJsonObject(raw)) throw rejected();
  const { op, path, from } = raw;
  if (typeof op !== 'string' || typeof path !== 'string') throw rejected();
  const operation: Operation = { op, path: pointer(path), value: raw.value };
  if (op === 'move' || op === 'copy') {
    if (typeof from !== 'string') throw rejected();
    operation.from = pointer(from);
  } else if ((op === 'add' || op === 'replace') && raw.value === undefined) {
    throw rejected();
  }
  return operation;
}

/** RFC 6901. Nothing may be addressed through an object's prototype. */
function pointer(text: string): string[] {
  if (text === '') return [];
  if (!text.startsWith('/')) throw rejected();
  const steps = text
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (steps.includes('__proto__')) throw rejected();
  return steps;
}

function apply(document: unknown, operation: Operation): unknown {
  const { op, path, from = [], value } = operation;
  switch (op) {
    case 'add':
      return add(document, path, value);
    case 'remove':
      return remove(document, path);
    case 'replace':
      get(document, path);
      return replace(document, path, value);
    case 'test':
      return test(document, path, value);
    case 'copy':
      return add(document, path, get(document, from));
    case 'move':
      return move(document, from, path);
    default:
      throw rejected();
  }
}

function move(document: unknown, from: string[], path: string[]): unknown {
  if (path.length > from.length && from.every((step, i) => step === path[i])) throw rejected();
  const moved = get(document, from);
  return add(remove(document, from), path, moved);
}

/** A `null` is also what is not there. */
function test(document: unknown, path: string[], value: unknown): unknown {
  let found: unknown = null;
  if (path.length === 0) found = document;
  else {
    const parent = get(document, path.slice(0, -1));
    const last = path.at(-1) as string;
    if (Array.isArray(parent)) found = parent[position(parent, last)];
    else if (isJsonObject(parent)) found = Object.hasOwn(parent, last) ? parent[last] : null;
    else throw rejected();
  }
  if (!equalJson(found, value ?? null)) throw rejected();
  return document;
}

function get(document: unknown, path: string[]): unknown {
  let at = document;
  for (const step of path) at = child(at, step);
  return at;
}

function child(container: unknown, step: string): unknown {
  if (Array.isArray(container)) return container[position(container, step)];
  if (!isJsonObject(container) || !Object.hasOwn(container, step) || container[step] === undefined) throw rejected();
  return container[step];
}

/** The index of an element that is there. */
function position(list: unknown[], step: string): number {
  if (!/^-?(0|[1-9]\d*)$/.test(step)) throw rejected();
  const given = Number(step);
  const index = given < 0 ? given + list.length : given;
  if (index < 0 || index >= list.length) throw rejected();
  return index;
}

/** Copies the containers on the way to the last one, which `edit` changes. */
function edited(document: unknown, path: string[], edit: (container: unknown, last: string) => unknown): unknown {
  const [step = '', ...rest] = path;
  if (rest.length === 0) return edit(document, step);
  return withChild(document, step, edited(child(document, step), rest, edit));
}

function withChild(container: unknown, step: string, value: unknown): unknown {
  if (Array.isArray(container)) return container.with(position(container, step), value);
  return { ...(container as JsonObject), [step]: value };
}

function add(document: unknown, path: string[], value: unknown): unknown {
  if (path.length === 0) return value;
  return edited(document, path, (container, last) => {
    if (isJsonObject(container)) return { ...container, [last]: value };
    if (!Array.isArray(container)) throw rejected();
    const index = last === '-' ? container.length : position([...container, null], last);
    return container.toSpliced(index, 0, value);
  });
}

function replace(document: unknown, path: string[], value: unknown): unknown {
  if (path.length === 0) return value;
  return edited(document, path, (container, last) => withChild(container, last, value));
}

function remove(document: unknown, path: string[]): unknown {
  if (path.length === 0) throw rejected();
  return edited(document, path, (container, last) => {
    child(container, last);
    if (Array.isArray(container)) return container.toSpliced(position(container, last), 1);
    const { [last]: _, ...rest } = container as JsonObject;
    return rest;
  });
}
