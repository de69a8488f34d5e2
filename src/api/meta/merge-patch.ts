import { isJsonObject, type JsonObject, ownMember, setMember } from './json.ts';

/**
 * What a JSON merge patch (RFC 7386) makes of a document. Both stay as they are; the result shares what the patch does
 * not touch.
 */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const merged: JsonObject = isJsonObject(document) ? { ...document } : {};
  for (const name of Object.keys(patch)) {
    const value = patch[name];
    if (value === null) delete merged[name];
    else setMember(merged, name, applyMergePatch(ownMember(merged, name), value));
  }
  return merged;
}
