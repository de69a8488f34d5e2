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

const versions = ['v2', 'v2beta1'];
const maxKeyIdBytes = 1024;
const maxCiphertextBytes = 1024;
const maxAnnotationBytes = 32 * 1024;

/** A key management plugin on a socket of this machine (KMS v2, KEP-3299). Calls reject with an Error that names what failed. */
export class KmsClient {
  readonly #channel: GrpcChannel;
  readonly #timeoutMs: number;

  /** `endpoint`: `unix:///path`. */
  constructor(clock: Clock, { endpoint, timeoutMs }: { endpoint: string; timeoutMs: number }) {
    this.#channel = new GrpcChannel({ address: endpoint }, clock);
    this.#timeoutMs = timeoutMs;
  }

  /** The key that it uses now. Rejects when it says that it is not well. */
  async status(): Promise<string> {
    const { version = '', healthz = '', keyId = '' } = await this.#call<StatusRequest, StatusResponse>('Status', {});
    const wrong = [
      ...(healthz === 'ok' ? [] : [`got unexpected healthz status: ${healthz}`]),
      ...(versions.includes(version) ? [] : [`expected KMSv2 API version v2, got ${version}`]),
      ...(isKeyId(keyId) ? [] : [`expected KMSv2 KeyID to be set, got ${keyId}`]),
    ];
    if (wrong.length > 0) throw new Error(wrong.length === 1 ? wrong[0] : `[${wrong.join(', ')}]`);
    return keyId;
  }

  async encrypt(plaintext: Uint8Array, uid: string): Promise<Wrapped> {
    const answer = await this.#call<EncryptRequest, EncryptResponse>('Encrypt', { plaintext, uid });
    const { ciphertext = Buffer.alloc(0), keyId = '', annotations = {} } = answer;
    if (!isKeyId(keyId)) throw new Error('failed to validate key id: keyID is empty or too long');
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

  #call<Q extends object, R extends object>(name: string, request: Q): Promise<R> {
    const method = kmsSchema.methods('v2.KeyManagementService').get(name) as RpcMethod;
    return this.#channel.unary<Q, R>(method, request, { timeoutMs: this.#timeoutMs, waitForReady: true });
  }
}

const isKeyId = (keyId: string): boolean => keyId !== '' && Buffer.byteLength(keyId) <= maxKeyIdBytes;

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
