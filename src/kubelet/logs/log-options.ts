import { badRequest } from '../../api/meta/status-error.ts';

/** What of a container's log is wanted (PodLogOptions). */
export interface LogOptions {
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  tailLines?: number;
  limitBytes?: number;
  /** Lines not older than this; epoch milliseconds. */
  sinceMs?: number;
  stream?: 'stdout' | 'stderr';
}

/** Reads the query of a log request; throws BadRequest for what the API would not have let through. */
export function parseLogOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const flag = (name: string) => ['true', '1', ''].includes(query.get(name) ?? 'false');
  const sinceSeconds = count(query, 'sinceSeconds', 1);
  const sinceTime = query.get('sinceTime');
  const sinceMs =
    sinceSeconds !== undefined ? nowMs - sinceSeconds * 1000 : sinceTime ? Date.parse(sinceTime) : undefined;
  if (Number.isNaN(sinceMs)) throw badRequest(`invalid sinceTime: ${sinceTime}`);
  const stream = query.get('stream')?.toLowerCase();
  return {
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    tailLines: count(query, 'tailLines', 0),
    limitBytes: count(query, 'limitBytes', 1),
    sinceMs,
    ...(stream === 'stdout' || stream === 'stderr' ? { stream } : {}),
  };
}

function count(query: URLSearchParams, name: string, least: number): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < least) throw badRequest(`invalid ${name}: ${text}`);
  return number;
}
