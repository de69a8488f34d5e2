import type { Pod, ServiceAccount } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { RunCommand } from '../../host/command.ts';
import { type LocatedCredential, matchesImage } from '../image-access/keyring.ts';
import type { Coordinates } from '../image-access/pulled-record.ts';
import type { TokenSource } from '../volumes/token-source.ts';
import type { InstalledProvider, TokenAttributes } from './provider-config.ts';
import { type ProviderResponse, responseOf } from './provider-response.ts';

export interface CredentialProvidersDeps {
  clock: Clock;
  log: Logger;
  run: RunCommand;
  tokens: Pick<TokenSource, 'token'>;
  serviceAccount(namespace: string, name: string): Promise<ServiceAccount>;
}

/** How long a program has. */
const runMs = 60_000;
/** Answers that are kept of one provider; the oldest goes. */
const maxAnswers = 1000;

/** Programs of an administrator that know credentials for images (KEP-2133), also for one service account at a time (KEP-4412). */
export class CredentialProviders {
  readonly #providers: readonly CredentialProvider[];

  constructor(deps: CredentialProvidersDeps, providers: readonly InstalledProvider[]) {
    this.#providers = providers.map((one) => new CredentialProvider(deps, one));
  }

  /** What they have for a repository and a pod. One that fails has nothing. */
  async located(repository: string, pod: Pod): Promise<LocatedCredential[]> {
    return (await Promise.all(this.#providers.map((one) => one.located(repository, pod)))).flat();
  }
}

/** For whom an image is, as a program is told. */
interface Account {
  coordinates: Coordinates;
  annotations: Record<string, string>;
  token: string;
}

type Auths = ProviderResponse['auth'];

class CredentialProvider {
  readonly #deps: CredentialProvidersDeps;
  readonly #config: InstalledProvider;
  readonly #answers = new Map<string, { auths: Auths; untilMs: number }>();
  readonly #running = new Map<string, Promise<ProviderResponse>>();

  constructor(deps: CredentialProvidersDeps, config: InstalledProvider) {
    this.#deps = deps;
    this.#config = config;
  }

  async located(repository: string, pod: Pod): Promise<LocatedCredential[]> {
    const { name, matchImages, tokenAttributes: wanted } = this.#config;
    if (!matchImages.some((pattern) => matchesImage(pattern, repository))) return [];
    const asks = wanted && pod.spec.serviceAccountName ? wanted : undefined;
    if (wanted?.requireServiceAccount && !asks) return [];
    try {
      const account = asks && (await this.#accountOf(pod, asks));
      // A service account opts in by its annotations.
      if (asks && !account) return [];
      const auths = await this.#auths(repository, account);
      const source = account ? { source: { serviceAccount: account.coordinates } } : {};
      return Object.entries(auths).map(([location, auth]) => ({ location, credential: { auth, ...source } }));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#deps.log.warn({ provider: name, image: repository, error: text }, 'no credentials from a provider');
      return [];
    }
  }

  /** undefined: it has not all annotations that the provider wants. */
  async #accountOf(pod: Pod, wanted: TokenAttributes): Promise<Account | undefined> {
    const { serviceAccount, tokens } = this.#deps;
    const { requiredServiceAccountAnnotationKeys: required = [] } = wanted;
    const { optionalServiceAccountAnnotationKeys: optional = [] } = wanted;
    const [namespace, name] = [pod.metadata.namespace ?? '', pod.spec.serviceAccountName ?? ''];
    const { uid = '', annotations: all = {} } = (await serviceAccount(namespace, name)).metadata;
    if (required.some((key) => all[key] === undefined)) return undefined;
    const annotations: Record<string, string> = {};
    for (const key of [...required, ...optional].toSorted()) {
      const value = all[key];
      if (value !== undefined) annotations[key] = value;
    }
    const token = await tokens.token(pod, { audience: wanted.serviceAccountTokenAudience, path: '' });
    return { coordinates: { uid, namespace, name }, annotations, token };
  }

  /** As kept, or as the program says now. */
  async #auths(repository: string, account: Account | undefined): Promise<Auths> {
    const { clock } = this.#deps;
    const key = (type: ProviderResponse['cacheKeyType']) => this.#keyOf(type, repository, account);
    for (const type of ['Image', 'Registry', 'Global'] as const) {
      const kept = this.#answers.get(key(type));
      if (kept && clock.now() <= kept.untilMs) return kept.auths;
    }
    const { cacheKeyType, cacheDuration, auth } = await this.#ask(repository, account);
    // Such a one is good for as long as the token only.
    const echoes = Object.values(auth).some(({ password }) => password === account?.token);
    if (echoes && this.#config.tokenAttributes?.cacheType !== 'Token')
      throw new Error(
        "it returned the service account token as the password, which is not allowed when service account cache type is not set to 'Token'",
      );
    const lifeMs = cacheDuration ?? this.#config.defaultCacheDuration;
    if (lifeMs > 0) this.#keep(key(cacheKeyType), auth, clock.now() + lifeMs);
    return auth;
  }

  #keyOf(type: ProviderResponse['cacheKeyType'], repository: string, account: Account | undefined): string {
    const [registry] = repository.split('/');
    const what = { Image: repository, Registry: registry, Global: '' }[type];
    const { uid, namespace, name } = account?.coordinates ?? {};
    const token = this.#config.tokenAttributes?.cacheType === 'Token' ? account?.token : undefined;
    return JSON.stringify([type, what, uid, namespace, name, account?.annotations, token]);
  }

  #keep(key: string, auths: Auths, untilMs: number): void {
    const nowMs = this.#deps.clock.now();
    for (const [old, kept] of this.#answers) if (kept.untilMs < nowMs) this.#answers.delete(old);
    this.#answers.delete(key);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size >= maxAnswers && oldest !== undefined) this.#answers.delete(oldest);
    this.#answers.set(key, { auths, untilMs });
  }

  /** Pods that want to know the same at once are told by one program. */
  #ask(image: string, account: Account | undefined): Promise<ProviderResponse> {
    const key = JSON.stringify([image, account?.token, account?.annotations]);
    const running = this.#running.get(key) ?? this.#run(image, account).finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }

  async #run(image: string, account: Account | undefined): Promise<ProviderResponse> {
    const { name, program, apiVersion, args = [], env = [] } = this.#config;
    const request = {
      ...{ kind: 'CredentialProviderRequest', apiVersion, image },
      ...(account ? { serviceAccountToken: account.token } : {}),
      ...(account && Object.keys(account.annotations).length > 0
        ? { serviceAccountAnnotations: account.annotations }
        : {}),
    };
    const { exitCode, stdout, stderr } = await this.#deps.run({
      ...{ program, args, env: Object.fromEntries(env.map((one) => [one.name, one.value])) },
      ...{ input: JSON.stringify(request), timeoutMs: runMs },
    });
    if (exitCode !== 0)
      throw new Error(
        `error execing credential provider plugin ${name} for image ${image}: exit status ${exitCode}: ${stderr.slice(0, 2000)}`,
      );
    return responseOf(stdout, apiVersion);
  }
}
