import { StatusError } from '../api/meta/status-error.ts';
import type { Clock } from '../base/clock.ts';
import { timestamp } from './context.ts';
import { parseAccept, takes } from './discovery/accept.ts';
import { gitVersion, major, minor } from './discovery/version.ts';
import { yamlOf } from './encode.ts';
import { mediaTypes } from './negotiate.ts';

/** What is known of the program that serves. */
export interface ProgramInfo {
  /** What it was started with, by the names of its flags. None of them is a secret. */
  flags?: Readonly<Record<string, string>>;
  /** `node v20.19.0`. */
  runtime?: string;
}

/** A page as it is sent. */
export interface StatusPage {
  type: string;
  body: Buffer;
  warning?: string;
}

/** How upstream's library for API servers calls the program. */
const component = 'apiserver';
const group = 'config.k8s.io';
/** In the order in which they came; the first is on its way out. */
const versions = ['v1alpha1', 'v1beta1'];
const structured = ['json', 'yaml'] as const;
/** Where there is something to see of a server that does not do what it should. */
const paths = ['/flagz', '/healthz', '/livez', '/metrics', '/readyz', '/statusz', '/version'];

const warning =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';

/** `/statusz` (KEP-4827) and `/flagz` (KEP-4828): for people as text, for programs in the version that they ask for. */
export class StatusPages {
  readonly #clock: Clock;
  readonly #program: ProgramInfo;
  readonly #startedMs: number;

  constructor(clock: Clock, program: ProgramInfo = {}) {
    this.#clock = clock;
    this.#program = program;
    this.#startedMs = clock.now();
  }

  /** Undefined: the path is none of theirs. Throws 406 where nothing is spoken that the client takes. */
  page(path: string, accept: string | undefined): Promise<StatusPage> | StatusPage | undefined {
    if (path === '/statusz')
      return answer('Statusz', accept, { text: () => this.#statusText(), members: this.#status() });
    if (path !== '/flagz') return undefined;
    const flags = Object.entries(this.#program.flags ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    const members = flags.length > 0 ? { flags: Object.fromEntries(flags) } : {};
    return answer('Flagz', accept, { text: () => flagText(flags), members });
  }

  #status() {
    return {
      startTime: timestamp(this.#startedMs),
      uptimeSeconds: this.#upSeconds(),
      goVersion: this.#program.runtime ?? '',
      binaryVersion: gitVersion.slice(1),
      emulationVersion: `${major}.${minor}`,
      paths,
    };
  }

  #statusText(): string {
    const { goVersion, binaryVersion, emulationVersion } = this.#status();
    const lines = [
      `Started: ${unixDate(this.#startedMs)}`,
      `Up: ${upTime(this.#upSeconds())}`,
      `Go version: ${goVersion}`,
      `Binary version: ${binaryVersion}`,
      `Emulation version: ${emulationVersion}`,
      `Paths: ${paths.join(' ')}`,
    ];
    return `\n${component} statusz\n${warning}\n\n${lines.join('\n')}\n`;
  }

  #upSeconds(): number {
    return Math.max(0, Math.floor((this.#clock.now() - this.#startedMs) / 1000));
  }
}

const flagText = (flags: readonly [string, string][]): string =>
  `\n${component} flagz\n${warning}\n${flags.map(([name, value]) => `${name}=${value}\n`).join('')}`;

/** The first form of an `Accept` header that is spoken: text, or an object of a version that is asked for by its name. */
function answer(
  kind: 'Statusz' | 'Flagz',
  accept: string | undefined,
  { text, members }: { text: () => string; members: object },
): Promise<StatusPage> | StatusPage {
  for (const range of parseAccept(accept)) {
    const { as, g, v = '' } = range.parameters;
    if (as === undefined && takes(range, 'text/plain'))
      return { type: 'text/plain; charset=utf-8', body: Buffer.from(text()) };
    const format = structured.find((one) => mediaTypes[one] === range.type);
    if (!format || as !== kind || g !== group || !versions.includes(v)) continue;
    const object = { kind, apiVersion: `${group}/${v}`, metadata: { name: component }, ...members };
    const old = `This version of the ${kind.toLowerCase()} endpoint is deprecated. Please use a newer version.`;
    const more = v === versions.at(-1) ? {} : { warning: old };
    if (format === 'yaml') return yamlOf(object).then((body) => ({ type: mediaTypes.yaml, body, ...more }));
    return { type: mediaTypes.json, body: Buffer.from(`${JSON.stringify(object)}\n`), ...more };
  }
  const accepted = [...structured.map((format) => mediaTypes[format]), 'text/plain'].join(', ');
  throw StatusError.of('NotAcceptable', `only the following media types are accepted: ${accepted}`);
}

/** Go's time.UnixDate, in UTC: `Mon Jan  2 15:04:05 UTC 2006`. */
function unixDate(ms: number): string {
  // Thu, 26 Nov 2026 22:52:32 GMT
  const [weekday = '', day = '', month = '', year = '', time = ''] = new Date(ms).toUTCString().split(' ');
  return `${weekday.slice(0, 3)} ${month} ${String(Number(day)).padStart(2)} ${time} UTC ${year}`;
}

const twoDigits = (value: number): string => String(value).padStart(2, '0');

const upTime = (seconds: number): string =>
  `${Math.floor(seconds / 3600)} hr ${twoDigits(Math.floor(seconds / 60) % 60)} min ${twoDigits(seconds % 60)} sec`;
