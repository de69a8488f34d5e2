import type { AuthConfig, Image, ImageService, PodSandboxConfig } from '../api/generated/cri.ts';
import type { Pod, Secret } from '../api/generated/types.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { EventType } from '../client/event-recorder.ts';
import { ConfigError } from './config/config-error.ts';
import type { ReferencedObjects } from './config/env.ts';
import type { ImageUser } from './config/security-context.ts';

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

/** Makes images present by their pull policy; one pull at a time of each image, failed pulls held back. */
export class Images {
  readonly #deps: { images: ImageService; clock: Clock; objects: ReferencedObjects };
  readonly #pulls = new Map<string, Promise<string>>();
  readonly #failures = new Map<string, Failure>();

  constructor(deps: { images: ImageService; clock: Clock; objects: ReferencedObjects }) {
    this.#deps = deps;
  }

  /** Rejects with `ImageError`. */
  async ensure(request: ImageRequest): Promise<EnsuredImage> {
    const { image: name, say } = request;
    if (!isImageName(name)) {
      const message = `Failed to apply default image tag "${name}": couldn't parse image name "${name}": invalid reference format`;
      say('Warning', 'InspectFailed', message);
      throw new ImageError('InvalidImageName', message, this.#deps.clock.now() + backOff.maxMs);
    }
    const policy = request.pullPolicy ?? (/:latest$|^[^:]+$/.test(name) ? 'Always' : 'IfNotPresent');
    const present = await this.#status(name);
    if (present && policy !== 'Always') {
      say('Normal', 'Pulled', `Container image "${name}" already present on machine and can be accessed by the pod`);
      return ensured(present);
    }
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

  /** Pods that want the same image share one pull, unless their credentials differ. */
  async #pullOnce(name: string, { pod, sandboxConfig }: ImageRequest): Promise<void> {
    const auths = await this.#credentials(pod, name);
    const key = JSON.stringify([name, auths]);
    let pull = this.#pulls.get(key);
    if (!pull) {
      pull = this.#tryAll(name, auths, sandboxConfig).finally(() => this.#pulls.delete(key));
      this.#pulls.set(key, pull);
    }
    await pull;
  }

  async #tryAll(name: string, auths: AuthConfig[], sandboxConfig: PodSandboxConfig): Promise<string> {
    let last: unknown;
    for (const auth of auths.length > 0 ? auths : [undefined]) {
      try {
        const request = { image: { image: name }, sandboxConfig, ...(auth ? { auth } : {}) };
        return (await this.#deps.images.PullImage(request)).imageRef ?? '';
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  /** The pod's imagePullSecrets that speak of the image's registry. Missing ones are passed over. */
  async #credentials(pod: Pod, image: string): Promise<AuthConfig[]> {
    const found: AuthConfig[] = [];
    for (const { name } of pod.spec.imagePullSecrets ?? []) {
      const secret = name ? await this.#deps.objects.secret(pod.metadata.namespace ?? '', name) : undefined;
      if (secret) found.push(...authsOf(secret, registryOf(image)));
    }
    return found;
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

const referencePattern =
  /^(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[A-Za-z0-9]+:[0-9a-fA-F]{32,})?$/;

const isImageName = (name: string): boolean => name.length < 512 && referencePattern.test(name);

/** The registry of an image's name; Docker's own when none is named. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}

/** Credentials in a Secret of type kubernetes.io/dockerconfigjson (or the older dockercfg) for one registry. */
function authsOf(secret: Secret, registry: string): AuthConfig[] {
  const text = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
  const parse = (json: string): Record<string, DockerAuth> => {
    try {
      return JSON.parse(json || '{}');
    } catch (error) {
      throw new ConfigError(`secret "${secret.metadata.name}" is not a docker configuration: ${String(error)}`);
    }
  };
  const auths = { ...parse(text('.dockercfg')), ...(parse(text('.dockerconfigjson'))['auths'] as object) } as Record<
    string,
    DockerAuth
  >;
  return Object.entries(auths)
    .filter(([host]) => hostOf(host) === registry || (registry === 'docker.io' && hostOf(host) === 'index.docker.io'))
    .map(([, { username, password, auth }]) => {
      const [user, ...words] = Buffer.from(auth ?? '', 'base64')
        .toString()
        .split(':');
      return { username: username ?? user ?? '', password: password ?? words.join(':') };
    });
}

interface DockerAuth {
  username?: string;
  password?: string;
  auth?: string;
}

const hostOf = (key: string): string => key.replace(/^https?:\/\//, '').split('/')[0] ?? key;
