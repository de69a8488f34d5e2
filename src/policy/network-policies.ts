import { namespaces, networkpolicies, pods } from '../api/generated/resources.ts';
import type { Namespace, NetworkPolicy, Pod } from '../api/generated/types.ts';
import { keyOf } from '../api/resource.ts';
import { type Clock, sleep } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { TurnWriter } from '../base/turn-writer.ts';
import type { Informers } from '../client/informers.ts';
import type { Nft } from '../nft/nft.ts';
import { PolicyBook } from './policy-book.ts';
import { type PolicyPod, policyPodOf } from './policy-pod.ts';

export interface NetworkPoliciesDeps {
  informers: Informers;
  nft: Nft;
  clock: Clock;
  log: Logger;
}

export interface NetworkPoliciesOptions {
  nodeName: string;
  /** Programs of every node that policies take for pods (cluster DNS). */
  nodePrograms?: readonly PolicyPod[];
}

/** A pod waits this long at most for the first word of policies: without a server nobody would ever start again. */
const firstListMs = 5000;

/**
 * Keeps the node's table of policies equal to what the API says. Pods and namespaces of the cluster are followed only while
 * there is a policy.
 */
export class NetworkPolicies {
  readonly #deps: NetworkPoliciesDeps;
  readonly #options: NetworkPoliciesOptions;
  readonly #writer: TurnWriter;
  #book: PolicyBook;
  /** What pods of this node got from the runtime, by uid: the API hears of it later than their first packet. */
  readonly #ownAddresses = new Map<string, string>();
  #stopFollowing: (() => void) | undefined;
  #removeHandler: () => void = () => {};
  /** Resolves when pods and namespaces are known, or need not be. */
  #followed: Promise<void> = Promise.resolve();
  /** The kernel has the book's table, but for what `takeChanges` says. */
  #isInStep = false;
  #isStopped = false;

  constructor(deps: NetworkPoliciesDeps, options: NetworkPoliciesOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#book = this.#newBook();
    const { clock, log } = deps;
    this.#writer = new TurnWriter({ clock, log, what: 'the table of policies', write: (whole) => this.#write(whole) });
  }

  /** Asks for its informer; does not start it. */
  start(): void {
    const informer = this.#deps.informers.informer(networkpolicies);
    this.#removeHandler = informer.addHandler({
      added: (policy) => this.#setPolicy(policy),
      updated: (_, policy) => this.#setPolicy(policy),
      deleted: (policy) => this.#removePolicy(policy),
    });
    // A table of an earlier agent may hold what is no policy any more.
    void informer.synced.then(() => this.#writer.touch());
  }

  /** Stops following. The table stays: a pod is as restricted while the agent restarts. */
  stop(): void {
    this.#isStopped = true;
    this.#writer.stop();
    this.#removeHandler();
    this.#stopFollowing?.();
  }

  /**
   * To be called when a pod of this node has its addresses and before anything in it runs: resolves when the kernel knows all
   * that restricts it. Rejects when the agent stops.
   */
  async admit(pod: Pod, addresses: readonly string[]): Promise<void> {
    const { informers, clock } = this.#deps;
    const informer = informers.informer(networkpolicies);
    if (!informer.isSynced) await Promise.race([informer.synced, sleep(clock, firstListMs)]);
    const { uid = '' } = pod.metadata;
    const [address] = addresses;
    if (!this.#stopFollowing || !address || pod.spec.hostNetwork) return;
    this.#ownAddresses.set(uid, address);
    const newest = informers.informer(pods).get(keyOf(pod));
    this.#setPod(newest?.metadata.uid === uid ? newest : pod);
    this.#book.settle();
    if (this.#book.isRestricted(uid)) await this.#writer.written();
  }

  #newBook(): PolicyBook {
    const book = new PolicyBook({ nodeName: this.#options.nodeName });
    for (const program of this.#options.nodePrograms ?? []) book.setPod(program);
    return book;
  }

  #setPolicy(policy: NetworkPolicy): void {
    this.#stopFollowing ??= this.#follow();
    this.#book.setPolicy(policy);
    this.#writer.touch();
  }

  #removePolicy(policy: NetworkPolicy): void {
    this.#book.removePolicy(keyOf(policy));
    if (this.#book.policyCount === 0) this.#unfollow();
    this.#writer.touch();
  }

  #follow(): () => void {
    const { informers } = this.#deps;
    const allPods = informers.informer(pods);
    const allNamespaces = informers.informer(namespaces);
    const touch = () => this.#writer.touch();
    const setNamespace = ({ metadata }: Namespace) => {
      this.#book.setNamespace(metadata.name, metadata.labels ?? {});
      touch();
    };
    const removals = [
      allNamespaces.addHandler({
        added: setNamespace,
        updated: (_, namespace) => setNamespace(namespace),
        deleted: ({ metadata }) => {
          this.#book.removeNamespace(metadata.name);
          touch();
        },
      }),
      allPods.addHandler({
        added: (pod) => this.#setPod(pod),
        updated: (_, pod) => this.#setPod(pod),
        deleted: (pod) => this.#removePod(pod),
      }),
    ];
    // Not before all are known: a table with half of the pods would cut connections that an earlier agent let through.
    let settle = () => {};
    this.#followed = new Promise((resolve) => {
      settle = resolve;
    });
    void Promise.all([allPods.synced, allNamespaces.synced]).then(settle);
    return () => {
      settle();
      for (const remove of removals) remove();
      for (const informer of [allPods, allNamespaces]) informers.release(informer as never);
    };
  }

  #unfollow(): void {
    this.#stopFollowing?.();
    this.#stopFollowing = undefined;
    this.#ownAddresses.clear();
    this.#book = this.#newBook();
    this.#isInStep = false;
    this.#deps.log.info({}, 'no network policies any more');
  }

  #setPod(pod: Pod): void {
    const { uid = '' } = pod.metadata;
    const known = policyPodOf(pod, this.#ownAddresses.get(uid) ?? pod.status.podIP);
    if (known) this.#book.setPod(known);
    else this.#book.removePod(uid);
    this.#writer.touch();
  }

  #removePod({ metadata: { uid = '' } }: Pod): void {
    this.#ownAddresses.delete(uid);
    this.#book.removePod(uid);
    this.#writer.touch();
  }

  async #write(whole: boolean): Promise<void> {
    const { nft, log } = this.#deps;
    await this.#known();
    if (this.#isStopped) return;
    if (this.#book.policyCount === 0) {
      await nft.remove();
      return;
    }
    if (whole || !this.#isInStep) {
      const content = this.#book.takeContent();
      this.#isInStep = true;
      await nft.replace(content);
      log.info({ policies: this.#book.policyCount }, 'table of network policies written');
      return;
    }
    const changes = this.#book.takeChanges();
    await nft.apply(changes);
    log.debug({ changes: changes.length }, 'table of network policies changed');
  }

  /** What is followed may change while one waits for it. */
  async #known(): Promise<void> {
    let followed: Promise<void> | undefined;
    while (followed !== this.#followed) {
      followed = this.#followed;
      await followed;
    }
  }
}
