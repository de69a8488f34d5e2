import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { parse } from 'yaml';

/** As client-go asks: protobuf where it is spoken, JSON where it is not (custom resources). */
const accept = 'application/vnd.kubernetes.protobuf,application/json';
const contentType = 'application/vnd.kubernetes.protobuf';
const magic = Buffer.from('k8s\0');

const factsDir = join(import.meta.dirname, '../../facts');
const facts = <T>(file: string): T => JSON.parse(readFileSync(join(factsDir, file), 'utf8')) as T;

interface TypeFact {
  gvk?: [string, string, string];
  /** The protobuf message. */
  p?: string;
}

export interface Decoded {
  apiVersion: string;
  kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it
  object: any;
}

interface Answer {
  status: number;
  type: string;
  body: Buffer;
}

interface Access {
  server: string;
  ca: string;
  cert: string;
  key: string;
}

/** The message of each kind, from the .proto files of Kubernetes: nothing of it is shared with the server. */
class Messages {
  readonly #root = protobuf.Root.fromJSON(facts('proto.json')).resolveAll();
  readonly #names = new Map(
    Object.values(facts<Record<string, TypeFact>>('types.json')).flatMap(({ gvk, p }) =>
      gvk && p ? [[`${gvk[0]}/${gvk[1]}/${gvk[2]}`, p] as const] : [],
    ),
  );

  type(apiVersion: string, kind: string): protobuf.Type {
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
    const name = this.#names.get(`${group}/${version}/${kind}`) ?? this.#names.get(`meta.k8s.io/v1/${kind}`);
    if (!name) throw new Error(`no message for ${apiVersion} ${kind}`);
    return this.#root.lookupType(name);
  }

  named(name: string): protobuf.Type {
    return this.#root.lookupType(name);
  }
}

/** A client of the API in protobuf, as client-go's typed clients are. */
export class ProtobufClient {
  readonly #messages = new Messages();
  readonly #access: Access;

  constructor(kubeconfig: string) {
    const { clusters, users } = parse(kubeconfig);
    const text = (value: string) => Buffer.from(value, 'base64').toString('utf8');
    this.#access = {
      server: clusters[0].cluster.server,
      ca: text(clusters[0].cluster['certificate-authority-data']),
      cert: text(users[0].user['client-certificate-data']),
      key: text(users[0].user['client-key-data']),
    };
  }

  async get(path: string): Promise<Decoded> {
    return this.#decode(await this.raw('GET', path));
  }

  async create(path: string, { apiVersion, kind, object }: Decoded): Promise<Decoded> {
    return this.#decode(await this.raw('POST', path, this.#envelope({ apiVersion, kind, object })));
  }

  /** The first `count` events of a watch. */
  async watch(path: string, count: number): Promise<{ type: string; object: Decoded }[]> {
    const framed = await this.raw('GET', path, undefined, {
      accept: `${contentType};stream=watch`,
      enough: (bytes) => framesOf(bytes).length >= count,
    });
    if (framed.type !== `${contentType};stream=watch`) throw new Error(`a watch as ${framed.type}`);
    const event = this.#messages.named('k8s.io.apimachinery.pkg.apis.meta.v1.WatchEvent');
    return framesOf(framed.body)
      .slice(0, count)
      .map((frame) => {
        const { type, object } = event.decode(frame) as unknown as { type: string; object: { raw: Uint8Array } };
        return { type, object: this.#open(Buffer.from(object.raw)) };
      });
  }

  raw(
    method: string,
    path: string,
    body?: Buffer,
    options: { accept?: string; enough?: (bytes: Buffer) => boolean } = {},
  ): Promise<Answer> {
    const { server, ...tls } = this.#access;
    const headers = { accept: options.accept ?? accept, ...(body ? { 'content-type': contentType } : {}) };
    return new Promise((resolve, reject) => {
      const sent = request(server + path, { method, headers, ...tls }, (response) => {
        const chunks: Buffer[] = [];
        const done = () =>
          resolve({
            status: response.statusCode ?? 0,
            type: String(response.headers['content-type']),
            body: Buffer.concat(chunks),
          });
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          if (!options.enough?.(Buffer.concat(chunks))) return;
          done();
          sent.destroy();
        });
        response.on('end', done);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  #decode({ type, body }: Answer): Decoded {
    if (type === contentType) return this.#open(body);
    const object = JSON.parse(body.toString('utf8'));
    return { apiVersion: object.apiVersion, kind: object.kind, object };
  }

  #open(bytes: Buffer): Decoded {
    if (!bytes.subarray(0, 4).equals(magic)) throw new Error('no magic before the object');
    const unknown = this.#messages.named('k8s.io.apimachinery.pkg.runtime.Unknown').decode(bytes.subarray(4));
    const { typeMeta, raw } = unknown as unknown as { typeMeta: { apiVersion: string; kind: string }; raw: Uint8Array };
    const { apiVersion, kind } = typeMeta;
    const type = this.#messages.type(apiVersion, kind);
    return {
      apiVersion,
      kind,
      object: type.toObject(type.decode(raw), { longs: Number, arrays: true, objects: true }),
    };
  }

  #envelope({ apiVersion, kind, object }: Decoded): Buffer {
    const type = this.#messages.type(apiVersion, kind);
    const raw = type.encode(type.fromObject(object)).finish();
    const unknown = this.#messages.named('k8s.io.apimachinery.pkg.runtime.Unknown');
    return Buffer.concat([magic, unknown.encode({ typeMeta: { apiVersion, kind }, raw }).finish()]);
  }
}

/** Each frame has its length before it, in four bytes. */
function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    if (at + 4 + length > bytes.length) break;
    frames.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return frames;
}
