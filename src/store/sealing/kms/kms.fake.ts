import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { DecryptRequest, EncryptRequest } from '../../../api/generated/kms.ts';
import { GrpcServer } from '../../../rpc/grpc-server.ts';
import type { RpcMethod } from '../../../rpc/protobuf.ts';
import { RpcError } from '../../../rpc/rpc-error.ts';
import { kmsSchema } from './kms-client.ts';

/** A KMS plugin (v2) on a real socket: wraps with AES under keys that it has in memory. */
export class FakeKms {
  keyId = 'key-1';
  /** The key that `Encrypt` uses where that is another one than `Status` says. */
  encryptsWith: string | undefined;
  healthz = 'ok';
  version = 'v2';
  /** Every call fails, with this. */
  fails: string | undefined;
  /** What was asked, by method. */
  readonly asked = { Status: 0, Encrypt: 0, Decrypt: 0 };
  readonly #keys = new Map<string, Buffer>();
  #server: GrpcServer | undefined;

  async listen(socketPath: string): Promise<void> {
    const methods = kmsSchema.methods('v2.KeyManagementService');
    const serve = (name: keyof FakeKms['asked'], answer: (request: object) => object) => ({
      method: methods.get(name) as RpcMethod,
      unary: async (request: object) => {
        this.asked[name]++;
        if (this.fails !== undefined) throw new RpcError('Unavailable', this.fails);
        return answer(request);
      },
    });
    this.#server = await GrpcServer.listen(socketPath, [
      serve('Status', () => ({ version: this.version, healthz: this.healthz, keyId: this.keyId })),
      serve('Encrypt', (request) => this.#encrypt(request)),
      serve('Decrypt', (request) => this.#decrypt(request)),
    ]);
  }

  close(): void {
    this.#server?.close();
  }

  /** What was wrapped with it cannot be had any more. */
  destroyKey(keyId: string): void {
    this.#keys.delete(keyId);
  }

  #encrypt({ plaintext = Buffer.alloc(0) }: EncryptRequest): object {
    const keyId = this.encryptsWith ?? this.keyId;
    const key = this.#keys.get(keyId) ?? randomBytes(32);
    this.#keys.set(keyId, key);
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    return { ciphertext, keyId, annotations: { 'iv.kms.test': iv } };
  }

  #decrypt({ ciphertext = Buffer.alloc(0), keyId = '', annotations = {} }: DecryptRequest): object {
    const key = this.#keys.get(keyId);
    if (!key) throw new RpcError('NotFound', `no key ${keyId}`);
    const decipher = createDecipheriv('aes-256-gcm', key, annotations['iv.kms.test'] as Uint8Array);
    decipher.setAuthTag(ciphertext.slice(-16));
    return { plaintext: Buffer.concat([decipher.update(ciphertext.slice(0, -16)), decipher.final()]) };
  }
}
