import type { RawAnswer, TestServer } from './server.fake.ts';
import { Tokens } from './tokens.ts';
import type { Exchange } from './transcript.ts';

/** Versions that are gone; the same requests are made of what came after them. */
const laterVersions: [string, string][] = [
  ['batch/v1beta1', 'batch/v1'],
  ['policy/v1beta1', 'policy/v1'],
  ['discovery.k8s.io/v1beta1', 'discovery.k8s.io/v1'],
  ['flowcontrol.apiserver.k8s.io/v1beta1', 'flowcontrol.apiserver.k8s.io/v1'],
  ['autoscaling/v2beta2', 'autoscaling/v2'],
];

/** An exchange in the words of today's versions. */
export function modernized(exchange: Exchange): Exchange {
  let text = JSON.stringify(exchange);
  for (const [old, later] of laterVersions) text = text.replaceAll(old, later);
  return JSON.parse(text) as Exchange;
}

/** Requests against one server, with the tokens of one transcript. */
export class Replay {
  readonly tokens = new Tokens();
  readonly #server: TestServer;

  constructor(server: TestServer) {
    this.#server = server;
  }

  /** `during` is done while a watch is open. */
  async send(exchange: Exchange, during: () => Promise<void> = async () => {}): Promise<RawAnswer> {
    const { method, path, headers = {}, body } = exchange.request;
    const { Authorization, ...others } = headers;
    const given = Object.entries(others).map(([name, value]) => [name.toLowerCase(), String(value)]);
    const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
    const expected = exchange.stream ? (exchange.response.body as unknown[]).length : 0;
    const pending = this.#server.send({
      method,
      path: this.tokens.fill(path),
      headers: Object.fromEntries([...given, ...(Authorization ? [['authorization', Authorization]] : [])]),
      body: text === undefined ? undefined : this.tokens.fill(text),
      anonymous: Authorization !== undefined,
      enough: exchange.stream ? (bytes) => linesOf(bytes).length >= expected : undefined,
    });
    await during();
    return pending;
  }

  /** Makes what a transcript took for granted. */
  async prepare(method: string, path: string, body?: unknown, userAgent?: string): Promise<void> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const answer = await this.#server.send({
      method,
      path,
      headers: { 'content-type': type, ...(userAgent ? { 'user-agent': userAgent } : {}) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (answer.status >= 300 && answer.status !== 409) {
      throw new Error(`${method} ${path} for preparation: ${answer.body.toString('utf8')}`);
    }
  }
}

const linesOf = (bytes: Buffer): string[] => bytes.toString('utf8').split('\n').filter(Boolean);

/** The body of an answer as the transcript has it: JSON, the lines of a watch, or text. */
export function bodyOf(exchange: Exchange, answer: RawAnswer): unknown {
  const text = answer.body.toString('utf8');
  if (exchange.stream) return linesOf(answer.body).map((line) => JSON.parse(line) as unknown);
  if (answer.headers['content-type']?.includes('protobuf')) return '<protobuf>';
  if (text === '') return typeof exchange.response.body === 'string' ? '' : undefined;
  const json = answer.headers['content-type']?.startsWith('application/json');
  return json && typeof exchange.response.body !== 'string' ? (JSON.parse(text) as unknown) : text;
}
