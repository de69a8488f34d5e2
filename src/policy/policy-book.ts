import type { NetworkPolicy } from '../api/generated/types.ts';
import { type ObjectKey, keyOf, keyText } from '../api/resource.ts';
import type { Chain, Rule, TableContent, Transaction } from '../nft/table.ts';
import { baseChains, directions, fixedSets } from './base-chains.ts';
import { type Allowance, type CompiledPolicy, compilePolicy, type Direction } from './compile.ts';
import { LiveTable } from '../nft/live-table.ts';
import type { Labels, PolicyPod } from './policy-pod.ts';
import { contentName, type PodSource } from './sources.ts';

/** What policies of a direction select a pod: one chain for all pods that the same ones do. */
interface Profile {
  chain: Chain;
  allowances: readonly Allowance[];
}

interface Counted<T> {
  of: T;
  users: number;
}

const noLabels: Labels = {};

/**
 * Policies, pods and namespaces as they are known, and the table of a node that follows from them. Every change costs what
 * it touches: a pod, the policies and sets of its namespace. Chains and sets are named by what they say and exist while a
 * pod of this node needs them.
 */
export class PolicyBook {
  readonly #nodeName: string;
  readonly #table = new LiveTable();
  readonly #pods = new Map<string, PolicyPod>();
  readonly #podsOf = new Map<string, Set<string>>();
  /** Who claims an address, by uid; the last one has it. */
  readonly #claims = new Map<string, string[]>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #policies = new Map<string, CompiledPolicy>();
  readonly #policiesOf = new Map<string, Map<string, CompiledPolicy>>();
  readonly #profiles = new Map<string, Counted<Profile>>();
  readonly #allowances = new Map<string, Counted<Allowance>>();
  readonly #sources = new Map<string, Counted<PodSource>>();
  /** By the namespace whose pods they follow; '' for all. */
  readonly #sourcesOf = new Map<string, Map<string, PodSource>>();
  /** What each pod has put into the table, as `set key` to value, and which profiles it uses. */
  readonly #made = new Map<string, { elements: Map<string, Made>; profiles: string[] }>();
  readonly #stale = new Set<string>();

  constructor({ nodeName }: { nodeName: string }) {
    this.#nodeName = nodeName;
    for (const [name, shape] of Object.entries(fixedSets)) this.#table.addSet(name, shape);
    for (const chain of baseChains) this.#table.addChain(chain);
  }

  get policyCount(): number {
    return this.#policies.size;
  }

  setPolicy(policy: NetworkPolicy): void {
    const key = keyText(keyOf(policy));
    const compiled = compilePolicy(policy);
    this.#policies.set(key, compiled);
    within(this.#policiesOf, compiled.namespace, () => new Map()).set(key, compiled);
    this.#touchNamespace(compiled.namespace);
  }

  removePolicy(key: ObjectKey): void {
    const { namespace = '' } = key;
    this.#policies.delete(keyText(key));
    this.#policiesOf.get(namespace)?.delete(keyText(key));
    this.#touchNamespace(namespace);
  }

  setNamespace(name: string, labels: Labels): void {
    const before = this.#namespaces.get(name);
    this.#namespaces.set(name, labels);
    if (!before || !sameLabels(before, labels)) this.#touchNamespace(name);
  }

  removeNamespace(name: string): void {
    this.#namespaces.delete(name);
    this.#touchNamespace(name);
    for (const kept of [this.#podsOf, this.#policiesOf]) if (kept.get(name)?.size === 0) kept.delete(name);
  }

  setPod(pod: PolicyPod): void {
    const before = this.#pods.get(pod.uid);
    if (before && before.address !== pod.address) this.#unclaim(before);
    if (before?.address !== pod.address) this.#claim(pod);
    this.#pods.set(pod.uid, pod);
    within(this.#podsOf, pod.namespace, () => new Set()).add(pod.uid);
    this.#stale.add(pod.uid);
  }

  removePod(uid: string): void {
    const pod = this.#pods.get(uid);
    if (!pod) return;
    this.#unclaim(pod);
    this.#pods.delete(uid);
    this.#podsOf.get(pod.namespace)?.delete(uid);
    this.#stale.add(uid);
  }

  /** Whether a policy selects the pod, as far as `settle` has got. */
  isRestricted(uid: string): boolean {
    return (this.#made.get(uid)?.profiles.length ?? 0) > 0;
  }

  /** The whole table, good until the next change; `takeChanges` begins with it. */
  takeContent(): TableContent {
    this.settle();
    return this.#table.takeContent();
  }

  /** From what it was at the last call, or from nothing, to what should be. */
  takeChanges(): Transaction {
    this.settle();
    return this.#table.takeChanges();
  }

  /** Works off what was touched. */
  settle(): void {
    // New sets touch further pods.
    for (const uid of this.#stale) {
      this.#stale.delete(uid);
      this.#remake(uid);
    }
    this.#sweep();
  }

  #touchNamespace(namespace: string): void {
    for (const uid of this.#podsOf.get(namespace) ?? []) this.#stale.add(uid);
  }

  #claim({ uid, address }: PolicyPod): void {
    const claims = within(this.#claims, address, () => []);
    for (const other of claims) this.#stale.add(other);
    claims.push(uid);
  }

  #unclaim({ uid, address }: PolicyPod): void {
    const left = (this.#claims.get(address) ?? []).filter((other) => other !== uid);
    if (left.length > 0) this.#claims.set(address, left);
    else this.#claims.delete(address);
    for (const other of left) this.#stale.add(other);
  }

  #remake(uid: string): void {
    const before = this.#made.get(uid) ?? { elements: new Map(), profiles: [] };
    const pod = this.#pods.get(uid);
    const has = pod && this.#ownerOf(pod.address) === uid;
    const now = has ? this.#make(pod) : { elements: new Map<string, Made>(), profiles: [] };
    for (const name of before.profiles) this.#release(this.#profiles, name);
    for (const [id, { set, key }] of before.elements) {
      if (!now.elements.has(id) && !this.#isOthers(uid, key, id)) this.#table.put(set, key, undefined);
    }
    for (const { set, key, value } of now.elements.values()) this.#table.put(set, key, value);
    if (now.elements.size > 0) this.#made.set(uid, now);
    else this.#made.delete(uid);
  }

  /** The address went to another pod, which has put the same element there. */
  #isOthers(uid: string, key: string, id: string): boolean {
    const owner = this.#ownerOf(key);
    return owner !== uid && (this.#made.get(owner)?.elements.has(id) ?? false);
  }

  /** Elements begin with the address of the pod that they are about. */
  #ownerOf(key: string): string {
    return this.#claims.get(key.split(' ', 1)[0] ?? '')?.at(-1) ?? '';
  }

  #make(pod: PolicyPod): { elements: Map<string, Made>; profiles: string[] } {
    const elements = new Map<string, Made>();
    const add = (set: string, key: string, value = '') => elements.set(`${set} ${key}`, { set, key, value });
    const profiles: string[] = [];
    if (pod.nodeName === this.#nodeName) {
      for (const direction of directions) {
        const profile = this.#profileOf(pod, direction);
        if (!profile) continue;
        profiles.push(profile.chain.name);
        this.#useProfile(profile);
        add(direction, pod.address, `goto ${profile.chain.name}`);
        add('itself', `${pod.address} . ${pod.address}`);
      }
    }
    const labels = this.#namespaces.get(pod.namespace) ?? noLabels;
    for (const scope of [pod.namespace, '']) {
      for (const source of this.#sourcesOf.get(scope)?.values() ?? []) {
        for (const key of source.elementsOf(pod, labels)) add(source.set, key);
      }
    }
    return { elements, profiles };
  }

  /** Undefined when no policy restricts the pod in this direction. */
  #profileOf(pod: PolicyPod, direction: Direction): Profile | undefined {
    const allowances: Allowance[] = [];
    for (const policy of this.#policiesOf.get(pod.namespace)?.values() ?? []) {
      const allowance = policy[direction];
      if (allowance && policy.selects(pod.labels)) allowances.push(allowance);
    }
    if (allowances.length === 0) return undefined;
    const byName = new Map(allowances.map((allowance) => [allowance.chain.name, allowance]));
    const names = [...byName.keys()].sort();
    const jumps: Rule[] = names.map((name) => [{ end: 'verdict', verdict: `jump ${name}` }]);
    const rules: Rule[] = [...jumps, [{ end: 'verdict', verdict: 'drop' }]];
    return { chain: { name: contentName('only', names), rules }, allowances: [...byName.values()] };
  }

  #useProfile(profile: Profile): void {
    this.#use(this.#profiles, profile.chain.name, profile, () => {
      for (const allowance of profile.allowances) this.#useAllowance(allowance);
      this.#table.addChain(profile.chain);
    });
  }

  #useAllowance(allowance: Allowance): void {
    this.#use(this.#allowances, allowance.chain.name, allowance, () => {
      for (const source of allowance.sources) this.#useSource(source);
      this.#table.addChain(allowance.chain);
    });
  }

  #useSource(source: PodSource): void {
    this.#use(this.#sources, source.set, source, () => {
      const { set, key, namespace = '' } = source;
      this.#table.addSet(set, { key });
      within(this.#sourcesOf, namespace, () => new Map()).set(set, source);
      for (const uid of namespace ? (this.#podsOf.get(namespace) ?? []) : this.#pods.keys()) this.#stale.add(uid);
    });
  }

  #use<T>(counts: Map<string, Counted<T>>, name: string, of: T, begin: () => void): void {
    const counted = counts.get(name);
    if (counted) {
      counted.users++;
      return;
    }
    counts.set(name, { of, users: 1 });
    begin();
  }

  #release<T>(counts: Map<string, Counted<T>>, name: string): void {
    const counted = counts.get(name);
    if (counted) counted.users--;
  }

  /** Takes away what nobody uses any more, from the top down. */
  #sweep(): void {
    for (const [name, { of }] of unused(this.#profiles)) {
      this.#table.removeChain(name);
      for (const { chain } of of.allowances) this.#release(this.#allowances, chain.name);
    }
    for (const [name, { of }] of unused(this.#allowances)) {
      this.#table.removeChain(name);
      for (const { set } of of.sources) this.#release(this.#sources, set);
    }
    for (const [name, { of }] of unused(this.#sources)) this.#dropSource(name, of);
  }

  #dropSource(set: string, { namespace = '' }: PodSource): void {
    for (const key of this.#table.keysOf(set)) {
      this.#made.get(this.#ownerOf(key))?.elements.delete(`${set} ${key}`);
    }
    this.#sourcesOf.get(namespace)?.delete(set);
    this.#table.removeSet(set);
  }
}

interface Made {
  set: string;
  key: string;
  value: string;
}

function within<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** Those without users, which are forgotten by it. */
function unused<T>(counts: Map<string, Counted<T>>): [string, Counted<T>][] {
  const found = [...counts].filter(([, { users }]) => users === 0);
  for (const [name] of found) counts.delete(name);
  return found;
}

function sameLabels(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
