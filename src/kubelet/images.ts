import type { Image, ImageService, PodSandboxConfig } from '../api/generated/cri.ts';
import type { Pod, Secret } from '../api/generated/types.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { EventType } from '../client/event-recorder.ts';
import type { ReferencedObjects } from './config/env.ts';
import type { ImageUser } from './config/security-context.ts';
import type { ImageAccess } from './image-access/image-access.ts';
import type { CredentialProviders } from './credential-providers/credential-providers.ts';
import { isImageName, repositoryOf } from './image-access/image-name.ts';
import { type Credential, credentialsFor, locatedIn } from './image-access/keyring.ts';

/** The image could not be had; `reason` is the waiting reason, `retryAtMs` when another try makes sense. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly reason: string;
  readonly retryAtMs: number;

  constructor(reason: string, message: string, retryAtMs: number) {
    super(message);
    this.reason = reason;
    this.retryAtMs = retryAtMs;
  }
}

export interface EnsuredImage {
  id: string;
  /** As statuses name it: by its repository, where it came from one. */
  ref: string;
  user: ImageUser;
}

export interface ImageRequest {
  pod: Pod;
  image: string;
  /** By the image's tag when there is none. */
  pullPolicy?: string | undefined;
  sandboxConfig: PodSandboxConfig;
  say(type: EventType, reason: string, message: string): void;
}

interface Failure {
  count: number;
  retryAtMs: number;
  message: string;
}

const backOff = { baseMs: 10_000, maxMs: 300_000 };

/** The credential of a list that opened the registry, by its place; undefined: there were none. */
interface Pull {
  imageRef: string;
  usedAt: number | undefined;
}

export interface ImagesDeps {
  images: ImageService;
  clock: Clock;
  objects: ReferencedObjects;
  access: ImageAccess;
  providers?: Pick<CredentialProviders, 'located'> | undefined;
}

/** Makes images present by their pull policy; one pull at a time of each image, failed pulls held back. */
export class Images {
  readonly #deps: ImagesDeps;
  readonly #pulls = new Map<string, Promise<Pull>>();
  readonly #failures = new Map<string, Failure>();

  constructor(deps: ImagesDeps) {
    this.#deps = deps;
  }

  /** Rejects with `ImageError`. */
  async ensure(request: ImageRequest): Promise<EnsuredImage> {
    const { image: name, pod, say } = request;
    if (!isImageName(name)) {
      const message = `Failed to apply default image tag "${name}": couldn't parse image name "${name}": invalid reference format`;
      say('Warning', 'InspectFailed', message);
      throw new ImageError('InvalidImageName', message, this.#deps.clock.now() + backOff.maxMs);
    }
    const policy = request.pullPolicy ?? (/:latest$|^[^:]+$/.test(name) ? 'Always' : 'IfNotPresent');
    const present = policy === 'Always' ? undefined : await this.#status(name);
    const credentials = () => this.#credentials(pod, name);
    if (present && (await this.#deps.access.mayUse(name, present.id ?? '', credentials))) {
      say('Normal', 'Pulled', `Container image "${name}" already present on machine and can be accessed by the pod`);
      return ensured(present);
    }
    // Whether it is there is not for a pod to know that may not use it.
    if (policy === 'Never') {
      const message = `Container image "${name}" is not present with pull policy of Never`;
      say('Warning', 'ErrImageNeverPull', message);
      throw new ImageError('ErrImageNeverPull', message, this.#deps.clock.now() + backOff.baseMs);
    }
    await this.#pull(name, request);
    const pulled = await this.#status(name);
    if (!pulled)
      throw new ImageError('ErrImagePull', `image "${name}" is not there after its pull`, this.#deps.clock.now());
    return ensured(pulled);
  }

  async #status(name: string): Promise<Image | undefined> {
    return (await this.#deps.images.ImageStatus({ image: { image: name } })).image;
  }

  async #pull(name: string, request: ImageRequest): Promise<void> {
    const { clock } = this.#deps;
    const key = `${request.pod.metadata.uid}/${name}`;
    const failure = this.#failures.get(key);
    if (failure && clock.now() < failure.retryAtMs) {
      const message = `Back-off pulling image "${name}"`;
      request.say('Normal', 'BackOff', message);
      throw new ImageError('ImagePullBackOff', `${message}: ${failure.message}`, failure.retryAtMs);
    }
    const startedAtMs = clock.now();
    request.say('Normal', 'Pulling', `Pulling image "${name}"`);
    try {
      await this.#pullOnce(name, request);
      this.#failures.delete(key);
      const took = `${((clock.now() - startedAtMs) / 1000).toFixed(3)}s`;
      request.say('Normal', 'Pulled', `Successfully pulled image "${name}" in ${took} (${took} including waiting).`);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      request.say('Warning', 'Failed', `Failed to pull image "${name}": ${text}`);
      request.say('Warning', 'Failed', 'Error: ErrImagePull');
      const count = (failure?.count ?? 0) + 1;
      const retryAtMs = clock.now() + backoffMs(count, backOff);
      this.#failures.set(key, { count, retryAtMs, message: `ErrImagePull: ${text}` });
      // Tried again soon, only to turn into ImagePullBackOff with its own time.
      throw new ImageError('ErrImagePull', text, clock.now() + 1000);
    }
  }

  /** Pods that want the same image share one pull, unless their credentials differ; it is written down for each. */
  async #pullOnce(name: string, { pod, sandboxConfig }: ImageRequest): Promise<void> {
    const credentials = await this.#credentials(pod, name);
    const key = JSON.stringify([name, credentials.map(({ auth }) => auth)]);
    const { id: presentRef } = (await this.#status(name)) ?? {};
    await this.#deps.access.pull(name, presentRef, async () => {
      let pull = this.#pulls.get(key);
      if (!pull) {
        pull = this.#tryAll(name, credentials, sandboxConfig).finally(() => this.#pulls.delete(key));
        this.#pulls.set(key, pull);
      }
      const { imageRef, usedAt } = await pull;
      return { imageRef, used: usedAt === undefined ? undefined : credentials[usedAt] };
    });
  }

  async #tryAll(name: string, credentials: Credential[], sandboxConfig: PodSandboxConfig): Promise<Pull> {
    const { images } = this.#deps;
    const request = { image: { image: name }, sandboxConfig };
    if (credentials.length === 0) {
      const { imageRef = '' } = await images.PullImage(request);
      return { imageRef, usedAt: undefined };
    }
    let last: unknown;
    for (const [usedAt, { auth }] of credentials.entries()) {
      try {
        const { imageRef = '' } = await images.PullImage({ ...request, auth });
        return { imageRef, usedAt };
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  /** What the pod's imagePullSecrets have for the image, then what providers have. Missing ones are passed over. */
  async #credentials(pod: Pod, image: string): Promise<Credential[]> {
    const secrets: Secret[] = [];
    for (const { name } of pod.spec.imagePullSecrets ?? []) {
      const secret = name ? await this.#deps.objects.secret(pod.metadata.namespace ?? '', name) : undefined;
      if (secret) secrets.push(secret);
    }
    const given = (await this.#deps.providers?.located(repositoryOf(image), pod)) ?? [];
    return [secrets.flatMap(locatedIn), given].flatMap((located) => credentialsFor(image, located));
  }

  /** Forgets the failures of a pod that is gone. */
  forget(podUid: string): void {
    for (const key of this.#failures.keys()) if (key.startsWith(`${podUid}/`)) this.#failures.delete(key);
  }
}

const ensured = (image: Image): EnsuredImage => ({
  id: image.id ?? '',
  ref: image.repoDigests?.[0] ?? image.id ?? '',
  user: {
    ...(image.uid?.value === undefined ? {} : { uid: image.uid.value }),
    ...(image.username ? { username: image.username } : {}),
  },
});
