import type {
  AllocationResult,
  DeviceConstraint,
  DeviceRequest,
  DeviceRequestAllocationResult,
  DeviceSubRequest,
  ExactDeviceRequest,
  Node,
  ResourceResourceClaim,
} from '../../api/generated/types.ts';
import { qualified } from '../../api/cel/device-language.ts';
import { CompileError, CostError, EvaluationError } from '../../cel/errors.ts';
import { tolerates } from '../taints.ts';
import type { DeviceCatalog, Offered } from './device-catalog.ts';

/** Steps of the search for one node; past it the claims count as impossible there. */
const maxSteps = 10_000;

/** Devices on a node for all claims at once, or undefined; what is chosen for one is not to be had for the next. */
export function allocate(
  catalog: DeviceCatalog,
  claims: readonly ResourceResourceClaim[],
  node: Node,
): AllocationResult[] | undefined {
  const search = new Search(catalog, claims, node);
  const chosen = search.run();
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
  readonly adminAccess: boolean | undefined;
}

type Exact = ExactDeviceRequest | DeviceSubRequest;

class Search {
  readonly #catalog: DeviceCatalog;
  readonly #claims: readonly ResourceResourceClaim[];
  readonly #offered: readonly Offered[];
  readonly #taken: Set<string>;
  readonly #picks: Pick[] = [];
  #steps = 0;

  constructor(catalog: DeviceCatalog, claims: readonly ResourceResourceClaim[], node: Node) {
    this.#catalog = catalog;
    this.#claims = claims;
    this.#offered = catalog.on(node);
    this.#taken = catalog.taken();
  }

  run(): readonly Pick[] | undefined {
    const requests = this.#claims.flatMap(({ spec }, claim) =>
      (spec.devices?.requests ?? []).map((request) => ({ claim, request })),
    );
    return this.#serve(requests, 0) ? this.#picks : undefined;
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
    const fitting = this.#offered.filter((offered) => this.#fits(exact, offered));
    const isAll = exact.allocationMode === 'All';
    const count = isAll ? fitting.length : (exact.count ?? 1);
    if (fitting.length < count || count === 0) return false;
    const choose = (from: number, missing: number): boolean => {
      if (missing === 0) return rest();
      for (let i = from; i <= fitting.length - missing; i++) {
        if (++this.#steps > maxSteps) return false;
        const offered = fitting[i] as Offered;
        if (!adminAccess && this.#taken.has(offered.key)) continue;
        const pick: Pick = { claim, request: name, offered, adminAccess };
        if (!this.#meetsConstraints(pick)) continue;
        this.#picks.push(pick);
        if (!adminAccess) this.#taken.add(offered.key);
        if (choose(i + 1, missing - 1)) return true;
        this.#picks.pop();
        if (!adminAccess) this.#taken.delete(offered.key);
      }
      return false;
    };
    return choose(0, count);
  }

  #fits({ deviceClassName, selectors = [], tolerations = [] }: Exact, { device, driver }: Offered): boolean {
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

function meets({ requests = [], matchAttribute }: DeviceConstraint, pick: Pick, others: readonly Pick[]): boolean {
  const concerns = ({ request }: Pick) =>
    requests.length === 0 || requests.includes(request) || requests.includes(request.split('/')[0] as string);
  if (!concerns(pick)) return true;
  // Nothing else is known: what cannot be checked is not given out.
  if (matchAttribute === undefined) return false;
  const value = attributeText(pick.offered, matchAttribute);
  return (
    value !== undefined &&
    others.filter(concerns).every((other) => attributeText(other.offered, matchAttribute) === value)
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

function resultOf(
  { spec }: ResourceResourceClaim,
  picks: readonly Pick[],
  { catalog, node }: { catalog: DeviceCatalog; node: Node },
): AllocationResult {
  const results = picks.map(
    ({ request, offered, adminAccess }): DeviceRequestAllocationResult => ({
      request,
      driver: offered.driver,
      pool: offered.pool,
      device: offered.device.name,
      ...(adminAccess ? { adminAccess } : {}),
    }),
  );
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
  const byName = { key: 'metadata.name', operator: 'In', values: [node.metadata.name] };
  return {
    devices: { results, ...(config.length > 0 ? { config } : {}) },
    nodeSelector: { nodeSelectorTerms: [{ matchFields: [byName] }] },
  } as AllocationResult;
}

/** A selector that is wrong, or has no answer for a device. */
export const isSelectorFault = (error: unknown): error is Error =>
  error instanceof CompileError || error instanceof EvaluationError || error instanceof CostError;
