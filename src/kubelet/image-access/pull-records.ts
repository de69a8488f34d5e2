import { createHash } from 'node:crypto';
import type { ImageService } from '../../api/generated/cri.ts';
import type { Clock } from '../../base/clock.ts';
import { KeyedTurns } from '../../base/keyed-turns.ts';
import type { KnownOfImage } from './access-rule.ts';
import { repositoryOf } from './image-name.ts';
import { type Pulled, type PulledRecord, withPull } from './pulled-record.ts';
import type { RecordFiles } from './record-files.ts';

export interface PullRecordsDeps {
  clock: Clock;
  /** Of pulls that were begun, and of images that were pulled. */
  files: { pulling: RecordFiles; pulled: RecordFiles };
}

/** An ImagePullIntent, and what upstream's has not: the image that had the name before, of which there was no record. */
interface Intent {
  image: string;
  preloadedRef?: string;
}

const apiVersion = 'kubelet.config.k8s.io/v1beta1';

/** The name of the file about an image: of its name for a pull, of its id for what was pulled. */
const fileOf = (image: string): string => `sha256-${createHash('sha256').update(image).digest('hex')}`;

/**
 * What the node remembers of its pulls, each on disk before it counts: an intent before a pull begins, a record of the image
 * and the credentials after it, and then the intent goes. An agent that dies between leaves the intent: the image, should it
 * have come, counts as pulled by nobody knows whom. The files are named and written as upstream's (KEP-2535).
 */
export class PullRecords {
  readonly #clock: Clock;
  readonly #files: PullRecordsDeps['files'];
  /** By file; undefined: one that cannot be read. */
  readonly #intents = new Map<string, Intent | undefined>();
  readonly #records = new Map<string, PulledRecord>();
  /** Pulls of this agent by file of the intent. */
  readonly #underWay = new Map<string, number>();
  /** Intents that stay though their pulls have ended: there was no room for the record of one of them. */
  readonly #kept = new Set<string>();
  readonly #turns = new KeyedTurns();

  constructor({ clock, files }: PullRecordsDeps) {
    this.#clock = clock;
    this.#files = files;
  }

  /** Reads what earlier agents have left. */
  async load(): Promise<void> {
    for (const [file, text] of await this.#files.pulling.read())
      this.#intents.set(file, parsed<Intent>(text, 'ImagePullIntent'));
    for (const [file, text] of await this.#files.pulled.read()) {
      // One that cannot be read still tells that the node fetched the image, and opens it for nobody.
      const unreadable = { imageRef: '', lastUpdatedTime: '', credentialMapping: {} };
      const record = parsed<PulledRecord>(text, 'ImagePulledRecord');
      this.#records.set(file, record ? { ...record, credentialMapping: record.credentialMapping ?? {} } : unreadable);
    }
  }

  /** What was there before a pull is no less preloaded while it goes on: it may be one that can only fail. */
  known(image: string, imageRef: string): KnownOfImage {
    const file = fileOf(image);
    const isBeingPulled = this.#intents.has(file) && this.#intents.get(file)?.preloadedRef !== imageRef;
    return { record: this.#records.get(fileOf(imageRef)), isBeingPulled };
  }

  /** Before a pull; `presentRef`: the image that has the name now. One `end` belongs to each. */
  async begin(image: string, presentRef?: string): Promise<void> {
    const file = fileOf(image);
    await this.#turns.run(`pulling/${file}`, async () => {
      if (!this.#intents.has(file)) {
        const isPreloaded = presentRef && !this.#records.has(fileOf(presentRef));
        const intent = { image, ...(isPreloaded ? { preloadedRef: presentRef } : {}) };
        await this.#files.pulling.write(file, JSON.stringify({ kind: 'ImagePullIntent', apiVersion, ...intent }));
        this.#intents.set(file, intent);
      }
      this.#underWay.set(file, (this.#underWay.get(file) ?? 0) + 1);
    });
  }

  /** After a pull that failed, or that is written down. */
  async end(image: string, { keepIntent = false } = {}): Promise<void> {
    const file = fileOf(image);
    if (keepIntent) this.#kept.add(file);
    await this.#turns.run(`pulling/${file}`, async () => {
      const left = (this.#underWay.get(file) ?? 1) - 1;
      if (left > 0) this.#underWay.set(file, left);
      else this.#underWay.delete(file);
      if (left === 0 && !this.#kept.has(file)) await this.#removeIntent(file);
    });
  }

  /** Resolves when it is on disk. */
  async write(image: string, pulled: Omit<Pulled, 'repository'>): Promise<void> {
    const file = fileOf(pulled.imageRef);
    await this.#turns.run(`pulled/${file}`, async () => {
      const all = { ...pulled, repository: repositoryOf(image) };
      const record = withPull(this.#records.get(file), all, this.#clock.now());
      if (!record) return;
      await this.#files.pulled.write(file, JSON.stringify({ kind: 'ImagePulledRecord', apiVersion, ...record }));
      this.#records.set(file, record);
    });
  }

  /**
   * Intents whose pull is not under way: of an image that has come a record is made. `isLate`: no pull of an earlier agent
   * can still be going on, and those of images that have not come go.
   */
  async settle(images: Pick<ImageService, 'ImageStatus'>, { isLate }: { isLate: boolean }): Promise<void> {
    for (const [file, intent] of [...this.#intents]) {
      if (!intent) continue;
      const { image, preloadedRef } = intent;
      await this.#turns.run(`pulling/${file}`, async () => {
        if (this.#underWay.has(file) || !this.#intents.has(file)) return;
        const { id: imageRef } = (await images.ImageStatus({ image: { image } })).image ?? {};
        const hasCome = imageRef !== undefined && imageRef !== preloadedRef;
        if (hasCome) await this.write(image, { imageRef });
        if (hasCome || isLate) await this.#removeIntent(file);
      });
    }
  }

  /** Forgets images that are not among these, unless they were pulled after these were listed. */
  async keepOnly(imageRefs: readonly string[], listedMs: number): Promise<void> {
    const files = new Set(imageRefs.map(fileOf));
    for (const file of [...this.#records.keys()]) {
      if (files.has(file)) continue;
      await this.#turns.run(`pulled/${file}`, async () => {
        if (Date.parse(this.#records.get(file)?.lastUpdatedTime ?? '') >= listedMs) return;
        await this.#files.pulled.remove(file);
        this.#records.delete(file);
      });
    }
  }

  async #removeIntent(file: string): Promise<void> {
    await this.#files.pulling.remove(file);
    this.#intents.delete(file);
    this.#kept.delete(file);
  }
}

/** The object in a file; undefined when it is not one of this kind. */
function parsed<T>(text: string, kind: string): T | undefined {
  try {
    const object = JSON.parse(text);
    return object?.kind === kind ? object : undefined;
  } catch {
    return undefined;
  }
}
