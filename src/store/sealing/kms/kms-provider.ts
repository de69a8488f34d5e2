import { createHash } from 'node:crypto';
import type { EncryptedObject } from '../../../api/generated/kms.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/log.ts';
import { type Rng, uuid } from '../../../base/rng.ts';
import { type Provider, sealedPrefix } from '../providers.ts';
import { KmsClient, keyIdProblem, kmsSchema, type PluginStatus, type Wrapped } from './kms-client.ts';
import { hashOf, KmsMetrics } from './kms-metrics.ts';
import { openWithSeed, sealWithSeed, seedBytes } from './seed.ts';

export interface KmsConfig {
  name: string;
  /** `unix:///path`. */
  endpoint: string;
  timeoutMs: number;
}

export interface KmsDeps {
  clock: Clock;
  /** What sockets go by, when the clock is another one. */
  machineClock?: Clock;
  log: Logger;
  rng: Rng;
  /** Counts what it does, together with other plugins; for itself unless given. */
  metrics?: KmsMetrics;
}

/** How often a plugin is asked how it is and which key it uses: the protocol has no other way to tell. */
const askEveryMs = { whileWell: 60_000, whileNot: 10_000 };
/** For how long an answer does for who asks about its health in between. */
const answerLastsMs = { whileWell: 20_000, whileNot: 3_000 };
/**
 * How long nothing may go wrong with the key before writes are refused: whoever turns the plugin to a new key can rely on it that
 * after this time nothing is written under the old one.
 */
const writesLastMs = 3 * 60_000;
const versions = ['v2', 'v2beta1'];
const kind = 'HKDF_SHA256_XNONCE_AES_GCM_SEED';

/** A seed as it is in memory, and as the plugin has wrapped it. */
interface Sealing {
  seed: Buffer;
  wrapped: Wrapped;
}

/**
 * Seals with keys that a plugin keeps (KMS v2, KEP-3299). The plugin wraps one seed for each start of a server and each of its keys;
 * every write gets a key of its own from the seed, so that sealing and opening ask nobody. What was sealed with other seeds can be
 * opened once `prepare` has had the plugin unwrap them; they are remembered. A value is Kubernetes' own (EncryptedObject, protobuf);
 * what it contains is this store's record. As in Kubernetes, a plugin that names its key keeps writes going, also when it says that
 * it is not well; one that does not, or cannot wrap a seed with the key that it names, stops them after three minutes.
 */
export class KmsProvider implements Provider {
  readonly name: string;
  readonly prefix: string;
  readonly #deps: KmsDeps & { metrics: KmsMetrics };
  readonly #client: KmsClient;
  readonly #objects = kmsSchema.codec<EncryptedObject>('v2.EncryptedObject');
  /** Seeds by what the plugin made of them; the promise while it is asked. One for each start and key, a few bytes. */
  readonly #seeds = new Map<string, Buffer | Promise<void>>();
  /** What `sealOf` says of each key: one text for all objects. */
  readonly #marks = new Map<string, string>();
  #sealing: Sealing | undefined;
  /** Until when writes are sealed, by the clock. */
  #writesEndMs = 0;
  #version: string | undefined;
  #problem: string | undefined = 'it has not been asked yet';
  #askedMs = 0;
  #asking: Promise<void> | undefined;
  #cancel: () => void = () => {};
  #stopped = false;

  constructor(deps: KmsDeps, config: KmsConfig) {
    const { metrics = new KmsMetrics() } = deps;
    this.name = config.name;
    this.prefix = `${sealedPrefix}kms:v2:${config.name}:`;
    this.#deps = { ...deps, metrics };
    this.#client = new KmsClient(deps.machineClock ?? deps.clock, config, (call) => metrics.called(this.name, call));
    metrics.countSeeds(this.name, () => this.#seeds.size);
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

  /** Whether the plugin is well, asked anew where that was a while ago. */
  async check(): Promise<boolean> {
    const lastsMs = this.#problem === undefined ? answerLastsMs.whileWell : answerLastsMs.whileNot;
    if (this.#deps.clock.now() - this.#askedMs >= lastsMs) await this.#ask();
    return this.#problem === undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#client.close();
  }

  get sealNow(): string | undefined {
    return this.#sealing && this.#markOf(this.#sealing.wrapped.keyId);
  }

  sealOf(sealed: Buffer): string {
    return this.#markOf(this.#read(sealed).keyID ?? '');
  }

  refusal(): string | undefined {
    const now = this.#deps.clock.now();
    if (now <= this.#writesEndMs) return undefined;
    const key = hashOf(this.#sealing?.wrapped.keyId ?? '');
    const [end, current] = [this.#writesEndMs, now].map((ms) => new Date(ms).toISOString().replace(/\.\d+/, ''));
    return `encryptedDEKSource with keyID hash "${key}" expired at ${end} (current time is ${current})`;
  }

  /** Seals, whether writes are refused or not: who writes asks for `refusal` first. */
  seal(plain: Buffer, context: Buffer, rng: Rng): Buffer {
    if (!this.#sealing) throw new Error(`kmsv2 Provider ${this.name} has not been started`);
    const { seed, wrapped } = this.#sealing;
    this.#used('to_storage', wrapped.keyId);
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
    this.#used('from_storage', object.keyID ?? '');
    return openWithSeed(seed, Buffer.from(object.encryptedData ?? []), context);
  }

  /** Has the plugin unwrap what the value is sealed with; undefined: that is known. Rejects when it could not. */
  prepare(sealed: Buffer): Promise<void> | undefined {
    const wrapped = wrappedOf(this.#read(sealed));
    const id = idOf(wrapped);
    const known = this.#seeds.get(id);
    if (known) return Buffer.isBuffer(known) ? undefined : known;
    this.#deps.metrics.missed();
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

  #markOf(keyId: string): string {
    const mark = this.#marks.get(keyId) ?? `${this.prefix}${keyId}`;
    this.#marks.set(keyId, mark);
    return mark;
  }

  #used(type: 'from_storage' | 'to_storage', keyId: string): void {
    this.#deps.metrics.used(type, { provider: this.name, keyId, nowMs: this.#deps.clock.now() });
  }

  /** Asks how the plugin is, once at a time, and again after a while. */
  #ask(): Promise<void> {
    this.#cancel();
    this.#asking ??= this.#askNow().finally(() => {
      this.#asking = undefined;
      this.#askedMs = this.#deps.clock.now();
      if (this.#stopped) return;
      const everyMs = this.#problem === undefined ? askEveryMs.whileWell : askEveryMs.whileNot;
      this.#cancel = this.#deps.clock.after(everyMs, () => void this.#ask(), { background: true });
    });
    return this.#asking;
  }

  async #askNow(): Promise<void> {
    const { log } = this.#deps;
    const before = this.#problem;
    try {
      const status = await this.#client.status();
      const wrong = [...this.#problemsOf(status), ...(await this.#keyProblems(status))];
      this.#problem = wrong.length > 1 ? `[${wrong.join(', ')}]` : wrong[0];
    } catch (error) {
      this.#problem = `failed to perform status section of the healthz check: ${textOf(error)}`;
    }
    if (before === this.#problem) return;
    if (this.#problem === undefined) log.info({ kms: this.name }, 'the KMS plugin is well');
    else log.warn({ kms: this.name, error: this.#problem }, 'the KMS plugin is not well');
  }

  #problemsOf({ healthz, version }: PluginStatus): string[] {
    const wrong = healthz === 'ok' ? [] : [`got unexpected healthz status: ${healthz}`];
    if (!versions.includes(version)) return [...wrong, `expected KMSv2 API version v2, got ${version}`];
    this.#version ??= version;
    if (version === this.#version) return wrong;
    return [
      ...wrong,
      `KMSv2 API version should not change after the initial status response version ${this.#version}, got ${version}`,
    ];
  }

  /** Lets writes go on for a while under the key that the plugin names, with a new seed where the key is a new one. */
  async #keyProblems({ keyId }: PluginStatus): Promise<string[]> {
    const { clock, metrics } = this.#deps;
    const wrong = keyIdProblem(keyId);
    if (wrong) {
      metrics.invalidKeyId(this.name, wrong.code);
      return [`got invalid KMSv2 KeyID hash "${hashOf(keyId)}": ${wrong.message}`];
    }
    metrics.told({ provider: this.name, keyId, nowMs: clock.now() });
    // From before the plugin is asked for more: the time is an upper bound.
    const endMs = clock.now() + writesLastMs;
    try {
      if (keyId !== this.#sealing?.wrapped.keyId) await this.#takeSeed(keyId);
    } catch (error) {
      return [`failed to rotate DEK: ${textOf(error)}`];
    }
    this.#writesEndMs = endMs;
    return [];
  }

  async #takeSeed(keyId: string): Promise<void> {
    const { rng, log } = this.#deps;
    const seed = Buffer.from(rng.bytes(seedBytes));
    const wrapped = await this.#client.encrypt(seed, uuid(rng));
    // The plugin turned to another key in between: it is asked again.
    if (wrapped.keyId !== keyId)
      throw new Error(`statusKeyIDHash="${hashOf(keyId)}", encryptKeyIDHash="${hashOf(wrapped.keyId)}"`);
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
