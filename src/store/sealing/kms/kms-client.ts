import {
  type DecryptRequest,
  type DecryptResponse,
  type EncryptRequest,
  type EncryptResponse,
  kmsDescriptor,
  type StatusRequest,
  type StatusResponse,
} from '../../../api/generated/kms.ts';
import { qualifiedName } from '../../../api/meta/name-format.ts';
import type { Clock } from '../../../base/clock.ts';
import { GrpcChannel } from '../../../rpc/grpc-channel.ts';
import { ProtobufSchema, type RpcMethod } from '../../../rpc/protobuf.ts';

export const kmsSchema = new ProtobufSchema(kmsDescriptor);

/** What a plugin has made of a secret: what it needs to give it back. */
export interface Wrapped {
  ciphertext: Uint8Array;
  keyId: string;
  annotations: Record<string, Uint8Array>;
}

/** How a plugin says that it is. */
export interface PluginStatus {
  version: string;
  healthz: string;
  keyId: string;
}

const maxKeyIdBytes = 1024;
const maxCiphertextBytes = 1024;
const maxAnnotationBytes = 32 * 1024;

/** A call has ended, well unless there is an `error`. */
export type CallEnded = (call: { method: string; seconds: number; error?: unknown }) => void;

/** A key management plugin on a socket of this machine (KMS v2, KEP-3299). Calls reject with an Error that names what failed. */
export class KmsClient {
  readonly #channel: GrpcChannel;
  readonly #timeoutMs: number;
  readonly #ended: CallEnded;
  readonly #clock: Clock;

  /** `endpoint`: `unix:///path`. `ended` is told of every call. */
  constructor(clock: Clock, { endpoint, timeoutMs }: { endpoint: string; timeoutMs: number }, ended: CallEnded) {
    this.#channel = new GrpcChannel({ address: endpoint }, clock);
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#ended = ended;
  }

  /** What it says of itself, well or not. */
  async status(): Promise<PluginStatus> {
    const { version = '', healthz = '', keyId = '' } = await this.#call<StatusRequest, StatusResponse>('Status', {});
    return { version, healthz, keyId };
  }

  async encrypt(plaintext: Uint8Array, uid: string): Promise<Wrapped> {
    const answer = await this.#call<EncryptRequest, EncryptResponse>('Encrypt', { plaintext, uid });
    const { ciphertext = Buffer.alloc(0), keyId = '', annotations = {} } = answer;
    const wrong = keyIdProblem(keyId);
    if (wrong) throw new Error(`failed to validate key id: ${wrong.message}`);
    if (ciphertext.length === 0 || ciphertext.length > maxCiphertextBytes)
      throw new Error(
        `failed to validate encrypted DEK source: encrypted DEK source is ${ciphertext.length} bytes, which must be between 1 and ${maxCiphertextBytes}`,
      );
    checkAnnotations(annotations);
    return { ciphertext, keyId, annotations };
  }

  async decrypt({ ciphertext, keyId, annotations }: Wrapped, uid: string): Promise<Uint8Array> {
    const request = { ciphertext, uid, keyId, annotations };
    const { plaintext } = await this.#call<DecryptRequest, DecryptResponse>('Decrypt', request);
    return plaintext ?? Buffer.alloc(0);
  }

  close(): void {
    this.#channel.close();
  }

  async #call<Q extends object, R extends object>(name: string, request: Q): Promise<R> {
    const method = kmsSchema.methods('v2.KeyManagementService').get(name) as RpcMethod;
    const began = this.#clock.now();
    const end = (error?: unknown) =>
      this.#ended({ method: method.path, seconds: (this.#clock.now() - began) / 1000, error });
    try {
      const answer = await this.#channel.unary<Q, R>(method, request, {
        timeoutMs: this.#timeoutMs,
        waitForReady: true,
      });
      end();
      return answer;
    } catch (error) {
      end(error);
      throw error;
    }
  }
}

/** Why this names no key; undefined: it does. */
export function keyIdProblem(keyId: string): { code: 'empty' | 'too_long'; message: string } | undefined {
  if (keyId === '') return { code: 'empty', message: 'keyID is empty' };
  const bytes = Buffer.byteLength(keyId);
  if (bytes <= maxKeyIdBytes) return undefined;
  return { code: 'too_long', message: `keyID is ${bytes} bytes, which exceeds the max size of ${maxKeyIdBytes}` };
}

function checkAnnotations(annotations: Readonly<Record<string, Uint8Array>>): void {
  let total = 0;
  for (const [name, value] of Object.entries(annotations)) {
    // Their names are domains with at least two parts.
    if (qualifiedName(name).length > 0 || !name.includes('.'))
      throw new Error(
        `failed to validate annotations: ${JSON.stringify(name)} should be a domain with at least two segments separated by dots`,
      );
    total += Buffer.byteLength(name) + value.length;
  }
  if (total > maxAnnotationBytes)
    throw new Error(
      `failed to validate annotations: total size of annotations is ${total}, which is greater than the max allowed size of ${maxAnnotationBytes}`,
    );
}
