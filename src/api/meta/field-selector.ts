import { badRequest } from './status-error.ts';

export interface FieldRequirement {
  field: string;
  value: string;
  /** `!=`. */
  negated: boolean;
}

/**
 * The terms of a query's `fieldSelector` (`a=b,c!=d`; `\,`, `\=` and `\\` stand for themselves in values). Throws
 * `StatusError` BadRequest.
 */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return splitTerms(text)
    .filter((term) => term !== '')
    .map((term) => parseTerm(term, text));
}

/** Commas separate terms, save after a backslash. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function parseTerm(term: string, selector: string): FieldRequirement {
  for (let i = 0; i < term.length; i++) {
    if (term[i] === '\\') {
      i++;
      continue;
    }
    const operator = ['!=', '==', '='].find((o) => term.startsWith(o, i));
    if (!operator) continue;
    const value = unescape(term.slice(i + operator.length));
    return { field: term.slice(0, i), value, negated: operator === '!=' };
  }
  throw badRequest(`invalid selector: '${selector}'; can't understand '${term}'`);
}

function unescape(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (c !== '\\') {
      if (c === '=' || c === ',') throw badRequest(`invalid field selector: unescaped character in value: ${c}`);
      out += c;
      continue;
    }
    const next = text[++i];
    if (next !== '\\' && next !== ',' && next !== '=')
      throw badRequest(`invalid field selector: invalid escape sequence: \\${next ?? ''}`);
    out += next;
  }
  return out;
}

/** Whether an object with these fields is selected; a field that is not there is empty. */
export const matchesFields = (
  requirements: readonly FieldRequirement[],
  fields: Readonly<Record<string, string>>,
): boolean => requirements.every(({ field, value, negated }) => ((fields[field] ?? '') === value) !== negated);
