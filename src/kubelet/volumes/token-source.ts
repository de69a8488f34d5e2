import { serviceaccounts } from '../../api/generated/resources.ts';
import type { Pod, ServiceAccountTokenProjection, TokenRequest } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';

const defaultSeconds = 3600;
const dayMs = 86_400_000;
/** A token is replaced at this share of its life, or after a day. */
const refreshShare = 0.8;

/** A token and its end. */
export interface TokenStatus {
  token: string;
  expirationTimestamp: string;
}

interface Held {
  status: TokenStatus;
  refreshAtMs: number;
}

/** Service account tokens bound to pods (KEP-1205), kept until they have to be replaced. */
export class TokenSource {
  readonly #deps: { client: Client; clock: Clock };
  readonly #held = new Map<string, Map<string, Held>>();

  constructor(deps: { client: Client; clock: Clock }) {
    this.#deps = deps;
  }

  async token(pod: Pod, projection: ServiceAccountTokenProjection): Promise<string> {
    return (await this.tokenStatus(pod, projection)).token;
  }

  async tokenStatus(pod: Pod, projection: ServiceAccountTokenProjection): Promise<TokenStatus> {
    const { clock } = this.#deps;
    const uid = pod.metadata.uid ?? '';
    const held = this.#held.get(uid)?.get(keyOf(projection));
    if (held && clock.now() < held.refreshAtMs) return held.status;
    const requestedAtMs = clock.now();
    const { token = '', expirationTimestamp = '' } = (await this.#request(pod, projection)).status;
    const lifeMs = Date.parse(expirationTimestamp) - requestedAtMs || defaultSeconds * 1000;
    const status = { token, expirationTimestamp };
    const entry = { status, refreshAtMs: requestedAtMs + Math.min(lifeMs * refreshShare, dayMs) };
    const ofPod = this.#held.get(uid) ?? new Map<string, Held>();
    this.#held.set(uid, ofPod.set(keyOf(projection), entry));
    return status;
  }

  refreshAtMs(pod: Pod, projection: ServiceAccountTokenProjection): number | undefined {
    return this.#held.get(pod.metadata.uid ?? '')?.get(keyOf(projection))?.refreshAtMs;
  }

  forget(podUid: string): void {
    this.#held.delete(podUid);
  }

  #request(pod: Pod, { audience, expirationSeconds }: ServiceAccountTokenProjection): Promise<TokenRequest> {
    const key = { namespace: pod.metadata.namespace, name: pod.spec.serviceAccountName ?? 'default' };
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience ? [audience] : [],
        expirationSeconds: expirationSeconds ?? defaultSeconds,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: pod.metadata.name, uid: pod.metadata.uid },
      },
    };
    return this.#deps.client.createSubresource(serviceaccounts, key, 'token', body as unknown as TokenRequest);
  }
}

const keyOf = ({ audience = '', expirationSeconds = defaultSeconds }: ServiceAccountTokenProjection): string =>
  `${expirationSeconds}/${audience}`;
