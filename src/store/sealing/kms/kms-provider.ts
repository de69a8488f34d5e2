import { createHash } from 'node:crypto';
import type { EncryptedObject } from '../../../api/generated/kms.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/log.ts';
import { type Rng, uuid } from '../../../base/rng.ts';
import { type Provider, sealedPrefix } from '../providers.ts';
import { KmsClient, kmsSchema, type Wrapped } from './kms-client.ts';
import { openWithSeed, sealWithSeed, seedBytes } from './seed.ts';

export interface KmsConfig {
  name: string;
  /** `unix:///path`. */
  endpoint: string;
  timeoutMs: number;
}

export interface KmsDeps {
  clock: Clock;
  log: Logger;
  rng: Rng;
}

/** How often a plugin is asked how it is and which key it uses: the protocol has no other way to tell. */
const askEveryMs = { whileWell: 60_000, whileNot: 10_000 };
const kind = 'HKDF_SHA256_XNONCE_AES_GCM_SEED';

/** A seed as it is in memory, and as the plugin has wrapped it. */
interface Sealing {
  seed: Buffer;
  wrapped: Wrapped;
}

/**
 * Seals with keys that a plugin keeps (KMS v2). The plugin wraps one seed for each start of a server and each of its keys; every write
 * gets a key of its own from the seed, so that sealing and opening ask nobody. What was sealed with other seeds can be opened once
 * `prepare` has had the plugin unwrap them; they are remembered. A value is Kubernetes' own (EncryptedObject, protobuf); what it
 * contains is this store's record.
 */
export class KmsProvider implements Provider {
  readonly name: string;
  readonly prefix: string;
  readonly #deps: KmsDeps;
  readonly #client: KmsClient;
  readonly #objects = kmsSchema.codec<EncryptedObject>('v2.EncryptedObject');
  /** Seeds by what the plugin made of them; the promise while it is asked. One for each start and key, a few bytes. */
  readonly #seeds = new Map<string, Buffer | Promise<void>>();
  #sealing: Sealing | undefined;
  #problem: string | undefined = 'it has not been asked yet';
  #cancel: () => void = () => {};
  #stopped = false;

  constructor(deps: KmsDeps, config: KmsConfig) {
    this.name = config.name;
    this.prefix = `${sealedPrefix}kms:v2:${config.name}:`;
    this.#deps = deps;
    this.#client = new KmsClient(deps.clock, config);
  }

  /** Why the plugin cannot be relied on; undefined: it is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Resolves when it can seal. Rejects with an Error that says why it cannot. */
  async start(): Promise<void> {
    await this.#ask();
    if (this.#problem !== undefined) {
      this.stop();
      throw new Error(`kmsv2 Provider ${this.name} is not healthy, error: ${this.#problem}`);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#client.close();
  }

  seal(plain: Buffer, context: Buffer, rng: Rng): Buffer {
    if (!this.#sealing) throw new Error(`kmsv2 Provider ${this.name} has not been started`);
    const { seed, wrapped } = this.#sealing;
    return this.#objects.encode({
      encryptedData: sealWithSeed(seed, { plain, context }, rng),
      keyID: wrapped.keyId,
      encryptedDEKSource: wrapped.ciphertext,
      annotations: wrapped.annotations,
      encryptedDEKSourceType: kind,
    });
  }

  open(sealed: Buffer, context: Buffer): Buffer {
    const object = this.#read(sealed);
    const seed = this.#seeds.get(idOf(wrappedOf(object)));
    if (!Buffer.isBuffer(seed)) throw new Error('the plugin has not been asked for the seed');
    return openWithSeed(seed, Buffer.from(object.encryptedData ?? []), context);
  }

  /** Has the plugin unwrap what the value is sealed with; undefined: that is known. Rejects when it could not. */
  prepare(sealed: Buffer): Promise<void> | undefined {
    const wrapped = wrappedOf(this.#read(sealed));
    const id = idOf(wrapped);
    const known = this.#seeds.get(id);
    if (known) return Buffer.isBuffer(known) ? undefined : known;
    const asking = this.#client.decrypt(wrapped, uuid(this.#deps.rng)).then(
      (seed) => {
        if (seed.length < seedBytes) throw new Error(`the seed has ${seed.length} bytes`);
        this.#seeds.set(id, Buffer.from(seed));
      },
      (error: unknown) => {
        this.#seeds.delete(id);
        throw new Error(`kmsv2 Provider ${this.name}: failed to decrypt DEK, error: ${textOf(error)}`, {
          cause: error,
        });
      },
    );
    this.#seeds.set(id, asking);
    return asking;
  }

  /** Whether it is sealed with another key than the plugin uses now. */
  isStale(sealed: Buffer): boolean {
    return this.#read(sealed).keyID !== this.#sealing?.wrapped.keyId;
  }

  /** Asks how the plugin is, and takes a new seed where its key is a new one. */
  async #ask(): Promise<void> {
    const { clock, log } = this.#deps;
    const before = this.#problem;
    try {
      const keyId = await this.#client.status();
      if (keyId !== this.#sealing?.wrapped.keyId) await this.#takeSeed(keyId);
      this.#problem = undefined;
      if (before !== undefined) log.info({ kms: this.name }, 'the KMS plugin is well');
    } catch (error) {
      this.#problem = textOf(error);
      if (before !== this.#problem) log.warn({ kms: this.name, error: this.#problem }, 'the KMS plugin is not well');
    }
    if (this.#stopped) return;
    const everyMs = this.#problem === undefined ? askEveryMs.whileWell : askEveryMs.whileNot;
    this.#cancel = clock.after(everyMs, () => void this.#ask(), { background: true });
  }

  async #takeSeed(keyId: string): Promise<void> {
    const { rng, log } = this.#deps;
    const seed = Buffer.from(rng.bytes(seedBytes));
    const wrapped = await this.#client.encrypt(seed, uuid(rng));
    // The plugin turned to another key in between: it is asked again.
    if (wrapped.keyId !== keyId)
      throw new Error(
        `failed to rotate DEK: expected keyID ${JSON.stringify(keyId)}, got ${JSON.stringify(wrapped.keyId)}`,
      );
    this.#seeds.set(idOf(wrapped), seed);
    this.#sealing = { seed, wrapped };
    log.info({ kms: this.name }, 'objects are sealed with a new seed');
  }

  #read(sealed: Buffer): EncryptedObject {
    const object = this.#objects.decode(sealed);
    if (object.encryptedDEKSourceType !== kind)
      throw new Error(`kmsv2 Provider ${this.name}: unknown type of DEK source ${object.encryptedDEKSourceType}`);
    return object;
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const wrappedOf = ({ encryptedDEKSource, keyID = '', annotations = {} }: EncryptedObject): Wrapped => ({
  ciphertext: Buffer.from(encryptedDEKSource ?? []),
  keyId: keyID,
  annotations: Object.fromEntries(Object.entries(annotations).map(([name, value]) => [name, Buffer.from(value)])),
});

/** The same for what is the same in every part. */
function idOf({ ciphertext, keyId, annotations }: Wrapped): string {
  const hash = createHash('sha256');
  const add = (part: Uint8Array | string) => hash.update(`${Buffer.byteLength(part)}:`).update(part);
  add(ciphertext);
  add(keyId);
  for (const name of Object.keys(annotations).sort()) {
    add(name);
    add(annotations[name] as Uint8Array);
  }
  return hash.digest('base64');
}
