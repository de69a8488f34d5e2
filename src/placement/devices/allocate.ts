import type {
  AllocationResult,
  DeviceConstraint,
  DeviceRequest,
  DeviceRequestAllocationResult,
  DeviceSubRequest,
  ExactDeviceRequest,
  Node,
  NodeSelector,
  NodeSelectorRequirement,
  ResourceResourceClaim,
} from '../../api/generated/types.ts';
import { createHash } from 'node:crypto';
import { qualified } from '../../api/cel/device-language.ts';
import { formatQuantity, parseQuantity } from '../../api/meta/quantity.ts';
import { uuid } from '../../base/rng.ts';
import { CompileError, CostError, EvaluationError } from '../../cel/errors.ts';
import { tolerates } from '../taints.ts';
import { type Capacities, consumedCapacity } from './consumed-capacity.ts';
import type { DeviceCatalog, Offered } from './device-catalog.ts';
import { SharedCounters } from './shared-counters.ts';

/** Steps of the search for one node. */
const maxSteps = 10_000;

/**
 * The search for one node has taken too long: there may be devices for the claims, but nobody looks further. Kubernetes ends
 * it after ten seconds (DRASchedulerFilterTimeout); here steps are counted, so that the same question has the same answer on
 * every machine, and soon.
 */
export class AllocationTimeout extends Error {
  constructor() {
    super('timed out trying to allocate devices');
  }
}

/**
 * Devices on a node for all claims at once, or undefined; what is chosen for one is not to be had for the next. Throws
 * `AllocationTimeout`.
 */
export function allocate(
  catalog: DeviceCatalog,
  claims: readonly ResourceResourceClaim[],
  node: Node,
): AllocationResult[] | undefined {
  const search = new Search(catalog, claims, node);
  const chosen = search.result();
  return (
    chosen &&
    claims.map((claim, i) =>
      resultOf(
        claim,
        chosen.filter((pick) => pick.claim === i),
        { catalog, node },
      ),
    )
  );
}

interface Pick {
  readonly claim: number;
  /** `request`, or `request/subrequest`. */
  readonly request: string;
  readonly offered: Offered;
  readonly exact: Exact;
  readonly adminAccess: boolean | undefined;
  /** Of a device that others may have, too. */
  readonly share: Capacities | undefined;
}

type Exact = ExactDeviceRequest | DeviceSubRequest;

class Search {
  readonly #catalog: DeviceCatalog;
  readonly #claims: readonly ResourceResourceClaim[];
  readonly #offered: readonly Offered[];
  readonly #counters: SharedCounters;
  readonly #picks: Pick[] = [];
  /** What a request can use at all is asked once, however often the search comes back to it. */
  readonly #fitting = new Map<Exact, readonly Offered[]>();
  #steps = 0;

  constructor(catalog: DeviceCatalog, claims: readonly ResourceResourceClaim[], node: Node) {
    this.#catalog = catalog;
    this.#claims = claims;
    this.#offered = catalog.on(node);
    this.#counters = new SharedCounters((key) => catalog.pool(key));
  }

  /** Nothing is taken by it: that is for who writes it down. */
  result(): readonly Pick[] | undefined {
    const requests = this.#claims.flatMap(({ spec }, claim) =>
      (spec.devices?.requests ?? []).map((request) => ({ claim, request })),
    );
    try {
      return this.#serve(requests, 0) ? [...this.#picks] : undefined;
    } finally {
      while (this.#picks.length > 0) this.#putBack();
    }
  }

  #serve(requests: readonly { claim: number; request: DeviceRequest }[], at: number): boolean {
    const next = requests[at];
    if (!next) return true;
    const { claim, request } = next;
    const options: { name: string; exact: Exact }[] = request.exactly
      ? [{ name: request.name, exact: request.exactly }]
      : (request.firstAvailable ?? []).map((exact) => ({ name: `${request.name}/${exact.name}`, exact }));
    return options.some(({ name, exact }) =>
      this.#serveExactly(claim, { name, exact }, () => this.#serve(requests, at + 1)),
    );
  }

  #serveExactly(claim: number, { name, exact }: { name: string; exact: Exact }, rest: () => boolean): boolean {
    const adminAccess = 'adminAccess' in exact ? exact.adminAccess : undefined;
    const fitting = this.#fittingFor(exact);
    const isAll = exact.allocationMode === 'All';
    const count = isAll ? fitting.length : (exact.count ?? 1);
    if (fitting.length < count || count === 0) return false;
    const choose = (from: number, missing: number): boolean => {
      if (missing === 0) return rest();
      for (let i = from; i <= fitting.length - missing; i++) {
        if (++this.#steps > maxSteps) throw new AllocationTimeout();
        const offered = fitting[i] as Offered;
        const share = sharedPart(offered, exact);
        const pick: Pick = { claim, request: name, offered, exact, adminAccess, share };
        if (!this.#meetsConstraints(pick) || !this.#take(pick)) continue;
        if (choose(i + 1, missing - 1)) return true;
        this.#putBack();
      }
      return false;
    };
    return choose(0, count);
  }

  /** False: somebody has it, or too much of it, or of what it shares with others. */
  #take(pick: Pick): boolean {
    const { usage } = this.#catalog;
    const { adminAccess, share } = pick;
    const { key, device } = pick.offered;
    if (!adminAccess) {
      if (share ? usage.isHeldAlone(key) || !this.#hasRoom(pick.offered, share) : usage.isHeld(key)) return false;
      if (!usage.isHeld(key) && !this.#counters.draw(poolOf(pick.offered), device)) return false;
      usage.take(key, share);
    }
    this.#picks.push(pick);
    return true;
  }

  #putBack(): void {
    const { offered, adminAccess, share } = this.#picks.pop() as Pick;
    if (adminAccess) return;
    const { usage } = this.#catalog;
    usage.giveBack(offered.key, share);
    if (!usage.isHeld(offered.key)) this.#counters.putBack(poolOf(offered), offered.device);
  }

  #hasRoom({ key, device }: Offered, share: Capacities): boolean {
    return Object.entries(device.capacity ?? {}).every(
      ([name, { value }]) =>
        this.#catalog.usage.consumed(key, name) + (share[name]?.nanos ?? 0n) <= parseQuantity(value).nanos,
    );
  }

  #fittingFor(exact: Exact): readonly Offered[] {
    const known = this.#fitting.get(exact);
    if (known) return known;
    const fitting = this.#offered.filter((offered) => this.#fits(exact, offered));
    this.#fitting.set(exact, fitting);
    return fitting;
  }

  #fits({ deviceClassName, selectors = [], tolerations = [], capacity }: Exact, { device, driver }: Offered): boolean {
    if ((capacity || device.allowMultipleAllocations) && !consumedCapacity(device, capacity?.requests)) return false;
    const ofClass = this.#catalog.classes.get(deviceClassName);
    if (!ofClass) return false;
    const blocking = (device.taints ?? []).filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
    if (!blocking.every((taint) => tolerates(tolerations, taint))) return false;
    return [...(ofClass.spec.selectors ?? []), ...selectors].every(
      ({ cel }) => cel !== undefined && this.#catalog.selector(cel.expression)(device, driver),
    );
  }

  #meetsConstraints(pick: Pick): boolean {
    const { spec } = this.#claims[pick.claim] as ResourceResourceClaim;
    const others = this.#picks.filter(({ claim }) => claim === pick.claim);
    return (spec.devices?.constraints ?? []).every((constraint) => meets(constraint, pick, others));
  }
}

function meets(constraint: DeviceConstraint, pick: Pick, others: readonly Pick[]): boolean {
  const { requests = [], matchAttribute, distinctAttribute } = constraint;
  const concerns = ({ request }: Pick) =>
    requests.length === 0 || requests.includes(request) || requests.includes(request.split('/')[0] as string);
  if (!concerns(pick)) return true;
  const name = matchAttribute ?? distinctAttribute;
  // Nothing else is known: what cannot be checked is not given out.
  if (name === undefined) return false;
  const value = attributeText(pick.offered, name);
  const isAlike = matchAttribute !== undefined;
  return (
    value !== undefined &&
    others.filter(concerns).every((other) => (attributeText(other.offered, name) === value) === isAlike)
  );
}

function attributeText({ device, driver }: Offered, name: string): string | undefined {
  const wanted = qualified(name, driver);
  for (const [key, value] of Object.entries(device.attributes ?? {})) {
    const { domain, id } = qualified(key, driver);
    if (domain === wanted.domain && id === wanted.id) return JSON.stringify(value);
  }
  return undefined;
}

/** Whether others may have the device, too, and what this request takes of it. */
const sharedPart = ({ device }: Offered, { capacity }: Exact): Capacities | undefined =>
  device.allowMultipleAllocations ? consumedCapacity(device, capacity?.requests) : undefined;

const poolOf = ({ driver, pool }: Offered): string => `${driver}/${pool}`;

function deviceResult(
  { request, offered, exact, adminAccess, share }: Pick,
  of: string,
): DeviceRequestAllocationResult {
  const { driver, pool, device } = offered;
  const consumed = Object.entries(share ?? {}).map(([name, amount]) => [name, formatQuantity(amount)]);
  return {
    ...{ request, driver, pool, device: device.name },
    ...(adminAccess ? { adminAccess } : {}),
    ...(exact.tolerations?.length ? { tolerations: exact.tolerations } : {}),
    ...(device.bindingConditions?.length ? { bindingConditions: device.bindingConditions } : {}),
    ...(device.bindingFailureConditions?.length ? { bindingFailureConditions: device.bindingFailureConditions } : {}),
    ...(share ? { shareID: shareIdOf(`${offered.key} ${of}`), consumedCapacity: Object.fromEntries(consumed) } : {}),
  };
}

/** The same for the same claim, as everything here. */
function shareIdOf(text: string): string {
  const digest = createHash('sha256').update(text).digest();
  return uuid({ next: () => 0, bytes: (count) => new Uint8Array(digest.subarray(0, count)) });
}

function resultOf(
  { metadata, spec }: ResourceResourceClaim,
  picks: readonly Pick[],
  { catalog, node }: { catalog: DeviceCatalog; node: Node },
): AllocationResult {
  const of = metadata.uid ?? `${metadata.namespace}/${metadata.name}`;
  const results = picks.map((pick, i) => deviceResult(pick, `${of} ${i}`));
  const classes = new Map<string, string[]>();
  for (const { request } of picks) {
    const [main, sub] = request.split('/');
    const asked = spec.devices?.requests?.find(({ name }) => name === main);
    const exact = sub === undefined ? asked?.exactly : asked?.firstAvailable?.find(({ name }) => name === sub);
    if (exact)
      classes.set(exact.deviceClassName, [...new Set([...(classes.get(exact.deviceClassName) ?? []), request])]);
  }
  const config = [
    ...[...classes].flatMap(([name, requests]) =>
      (catalog.classes.get(name)?.spec.config ?? []).map((one) => ({ source: 'FromClass', requests, ...one })),
    ),
    ...(spec.devices?.config ?? []).map((one) => ({ source: 'FromClaim', ...one })),
  ];
  const nodeSelector = whereAllCanBe(picks, node);
  return {
    devices: { results, ...(config.length > 0 ? { config } : {}) },
    ...(nodeSelector ? { nodeSelector } : {}),
  } as AllocationResult;
}

/** The nodes that can use all the devices; undefined: every one. */
function whereAllCanBe(picks: readonly Pick[], { metadata }: Node): NodeSelector | undefined {
  const here = { key: 'metadata.name', operator: 'In' as const, values: [metadata.name] };
  if (picks.some(({ offered }) => offered.reach.nodeName || offered.device.bindsToNode))
    return { nodeSelectorTerms: [{ matchFields: [here] }] };
  // A selector of a slice has one term.
  const terms = picks.flatMap(({ offered }) => offered.reach.nodeSelector?.nodeSelectorTerms.slice(0, 1) ?? []);
  const matchExpressions = distinct(terms.flatMap((term) => term.matchExpressions ?? []));
  const matchFields = distinct(terms.flatMap((term) => term.matchFields ?? []));
  if (matchExpressions.length + matchFields.length === 0) return undefined;
  return {
    nodeSelectorTerms: [
      {
        ...(matchExpressions.length > 0 ? { matchExpressions } : {}),
        ...(matchFields.length > 0 ? { matchFields } : {}),
      },
    ],
  };
}

const distinct = (all: readonly NodeSelectorRequirement[]): NodeSelectorRequirement[] => [
  ...new Map(all.map((one) => [JSON.stringify(one), one])).values(),
];

/** A selector that is wrong, or has no answer for a device. */
export const isSelectorFault = (error: unknown): error is Error =>
  error instanceof CompileError || error instanceof EvaluationError || error instanceof CostError;
