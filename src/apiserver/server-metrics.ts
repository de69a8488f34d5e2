import type { Clock } from '../base/clock.ts';
import type { APIService } from '../api/generated/types.ts';
import { lifeOf } from '../api/version-life.ts';
import { type Counter, exponentialBuckets, type Histogram, type Metrics, type Sample } from '../base/metrics.ts';
import { countProcess } from '../host/process-metrics.ts';
import type { Store } from '../store/store.ts';
import { type Attributes, isResource } from './authz/attributes.ts';
import { gitVersion, major, minor } from './discovery/version.ts';
import type { FlowControl } from './flowcontrol/flow-control.ts';
import { AccessMetrics } from './metrics/access.ts';
import { AdmissionMetrics } from './metrics/admission.ts';
import { ClientMetrics } from './metrics/clients.ts';
import { FlowMetrics } from './metrics/flow.ts';
import { ImpersonationMetrics } from './metrics/impersonation.ts';
import { requestBounds } from './metrics/storage.ts';
import type { ApiRequest } from './request.ts';

const requestLabels = ['verb', 'dry_run', 'group', 'version', 'resource', 'subresource', 'scope', 'component'];

const verbs: Record<string, string> = { create: 'POST', update: 'PUT' };
/** As upstream counts them; every other method is OTHER. */
const countedVerbs = new Set(
  'get list watch create update patch delete deletecollection connect head options post put trace'.split(' '),
);
/** Series of requests that are found by one look. */
const maxRemembered = 2048;

interface RequestSeries {
  count(by: number): void;
  observe(seconds: number): void;
  observeSli(seconds: number): void;
}

/** Codes of a server that has too much to do. */
const terminating = new Set([429, 504]);

const mutating = new Set(['create', 'update', 'patch', 'delete', 'deletecollection', 'post', 'put']);

export interface ServerMetricsDeps {
  store: Store;
  clock: Clock;
  longRunning: ReadonlyMap<unknown, ApiRequest>;
  figures: Metrics;
}

/** Figures of an API server under upstream's names (k8s.io/apiserver/pkg/endpoints/metrics and its neighbours). */
export class ServerMetrics {
  /** Other parts of this process count here, too. */
  readonly metrics: Metrics;
  readonly access: AccessMetrics;
  readonly impersonation: ImpersonationMetrics;
  readonly admission: AdmissionMetrics;
  readonly flow: FlowMetrics;
  readonly clients: ClientMetrics;
  readonly #requests: Counter;
  readonly #durations: Histogram;
  readonly #sliDurations: Histogram;
  readonly #terminations: Counter;
  readonly #deprecated = new Map<string, Sample>();
  readonly #eventSizes: Histogram;
  readonly #watchEvents: Counter;
  readonly #series = new Map<string, RequestSeries>();
  readonly #inflight = { mutating: 0, readOnly: 0 };

  constructor(deps: ServerMetricsDeps) {
    const metrics = deps.figures;
    this.metrics = metrics;
    this.access = new AccessMetrics(metrics);
    this.impersonation = new ImpersonationMetrics(metrics);
    this.admission = new AdmissionMetrics(metrics);
    this.flow = new FlowMetrics(metrics);
    this.clients = new ClientMetrics(metrics);
    this.#requests = metrics.counter('apiserver_request_total', '[STABLE] Counter of apiserver requests.', [
      ...requestLabels,
      'code',
    ]);
    this.#durations = metrics.histogram(
      'apiserver_request_duration_seconds',
      '[STABLE] Response latency distribution in seconds.',
      { labelNames: requestLabels, bounds: requestBounds },
    );
    this.#sliDurations = metrics.histogram(
      'apiserver_request_sli_duration_seconds',
      '[ALPHA] Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds.',
      { labelNames: requestLabels.filter((name) => name !== 'dry_run'), bounds: requestBounds },
    );
    this.#terminations = metrics.counter(
      'apiserver_request_terminations_total',
      '[ALPHA] Number of requests which apiserver terminated in self-defense.',
      ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component', 'code'],
    );
    metrics.gauge(
      'apiserver_requested_deprecated_apis',
      '[STABLE] Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.',
      ['group', 'version', 'resource', 'subresource', 'removed_release'],
      () => this.#deprecated.values(),
    );
    this.#eventSizes = metrics.histogram(
      'apiserver_watch_events_sizes',
      '[ALPHA] Watch event size distribution in bytes.',
      { labelNames: ['group', 'version', 'resource'], bounds: exponentialBuckets(1024, 2, 8) },
    );
    this.#watchEvents = metrics.counter(
      'apiserver_watch_events_total',
      '[ALPHA] Number of events sent to watch clients.',
      ['group', 'version', 'resource'],
    );
    metrics.gauge(
      'apiserver_current_inflight_requests',
      '[STABLE] Number of currently used inflight requests.',
      ['request_kind'],
      () => Object.entries(this.#inflight).map(([kind, value]) => ({ labels: [kind], value })),
    );
    metrics.gauge(
      'apiserver_longrunning_requests',
      '[STABLE] Gauge of all active long-running requests.',
      ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'],
      () => tally([...deps.longRunning.values()].map(longRunningLabels)),
    );
    metrics.gauge('apiserver_storage_objects', '[STABLE] Number of stored objects.', ['resource'], () =>
      [...deps.store.resources()].map((resource) => ({ labels: [resource], value: deps.store.count(resource) })),
    );
    metrics.gauge(
      'kubernetes_build_info',
      '[BETA] A metric with a constant 1 value labeled by major, minor and git version from which it was built.',
      ['major', 'minor', 'git_version'],
      () => [{ labels: [major, minor, gitVersion], value: 1 }],
    );
    countProcess(metrics, deps.clock.now());
  }

  /** A request begins; the result is called when it has been answered. */
  begin(asked: Attributes, dryRunAsked: string, nowMs: number): (code: number, nowMs: number) => void {
    // Labels are of our choosing, or the memory would be of others'.
    const attributes = countedVerbs.has(asked.verb) ? asked : { ...asked, verb: 'other' };
    const dryRun = dryRunAsked === '' || dryRunAsked === 'All' ? dryRunAsked : 'invalid';
    const kind = mutating.has(attributes.verb) ? 'mutating' : 'readOnly';
    this.#inflight[kind]++;
    return (code, endMs) => {
      this.#inflight[kind]--;
      const { count, observe, observeSli } = this.#seriesOf(attributes, dryRun, code);
      count(1);
      if (terminating.has(code)) this.#terminations.add([...withoutDryRun(labelsOf(attributes, dryRun)), String(code)]);
      // How long a watch stands says nothing of how long it took.
      if (attributes.verb === 'watch') return;
      observe((endMs - nowMs) / 1000);
      observeSli((endMs - nowMs) / 1000);
    };
  }

  /** What counts such a request, found once. */
  #seriesOf(attributes: Attributes, dryRun: string, code: number): RequestSeries {
    const key = seriesKey(attributes, dryRun, code);
    let known = this.#series.get(key);
    if (!known) {
      const labels = labelsOf(attributes, dryRun);
      known = {
        count: this.#requests.of([...labels, String(code)]),
        observe: this.#durations.of(labels),
        observeSli: this.#sliDurations.of(withoutDryRun(labels)),
      };
      if (this.#series.size < maxRemembered) this.#series.set(key, known);
    }
    return known;
  }

  /** A version was asked for that goes. */
  deprecated({ endpoint: { kind }, subresource }: ApiRequest): void {
    const { group, version, resource } = kind;
    const labels = [group, version, resource, subresource, lifeOf(kind).removed ?? ''];
    this.#deprecated.set(labels.join('/'), { labels, value: 1 });
  }

  /** Counts the events of one watch: how many came at once, and the bytes that they were sent as. */
  watchEvents({ endpoint }: ApiRequest): (count: number, bytes: number) => void {
    const { group, version, resource } = endpoint.kind;
    const count = this.#watchEvents.of([group, version, resource]);
    const size = this.#eventSizes.of([group, version, resource]);
    return (events, bytes) => {
      count(events);
      size(bytes / events);
    };
  }

  /** Which group versions of other servers cannot be had. */
  observeServices(list: () => readonly APIService[]): void {
    this.metrics.gauge(
      'aggregator_unavailable_apiservice',
      '[ALPHA] Gauge of APIServices which are marked as unavailable broken down by APIService name.',
      ['name'],
      () =>
        list().map(({ metadata, status }) => {
          const isAvailable = status?.conditions?.some((one) => one.type === 'Available' && one.status === 'True');
          return { labels: [metadata.name], value: isAvailable ? 0 : 1 };
        }),
    );
  }

  /** What stands in front of the server, by priority level. */
  observe(flowControl: FlowControl): void {
    const gauge = (name: string, help: string, read: (level: FlowControl['levels'][number]) => number | undefined) =>
      this.metrics.gauge(`apiserver_flowcontrol_${name}`, help, ['priority_level'], () =>
        flowControl.levels.flatMap((level): Sample[] => {
          const value = read(level);
          return value === undefined ? [] : [{ labels: [level.name], value }];
        }),
      );
    gauge('nominal_limit_seats', '[BETA] Seats that a level is entitled to.', ({ bounds }) => bounds.nominal);
    gauge('current_limit_seats', '[ALPHA] Seats that a level has now.', ({ queue }) => queue?.config.seats);
    gauge('current_executing_seats', '[BETA] Seats in use.', ({ queue }) => queue?.inUse);
    gauge('current_executing_requests', '[BETA] Requests that run.', ({ queue }) => queue?.executing);
    gauge('current_inqueue_requests', '[BETA] Requests that wait.', ({ queue }) => queue?.waiting);
  }
}

/** Tells apart what has different labels; shorter than these. */
function seriesKey(attributes: Attributes, dryRun: string, code: number): string {
  const { verb } = attributes;
  if (!isResource(attributes)) return `${verb} ${code} ${dryRun}`;
  const { group, version = '', resource, subresource = '' } = attributes;
  return `${verb} ${code} ${scopeOf(attributes)} ${resource}/${subresource}/${version}/${group} ${dryRun}`;
}

function labelsOf(attributes: Attributes, dryRun: string): string[] {
  const verb = verbs[attributes.verb] ?? attributes.verb.toUpperCase();
  if (!isResource(attributes)) return [verb, dryRun, '', '', '', '', '', 'apiserver'];
  const { group, version = '', resource, subresource = '' } = attributes;
  return [verb, dryRun, group, version, resource, subresource, scopeOf(attributes), 'apiserver'];
}

const withoutDryRun = ([verb = '', , ...others]: readonly string[]): string[] => [verb, ...others];

const scopeOf = ({ name, namespace }: { name?: string; namespace?: string }): string =>
  name ? 'resource' : namespace ? 'namespace' : 'cluster';

function longRunningLabels(request: ApiRequest): string[] {
  const { group, version, resource } = request.endpoint.kind;
  return [request.verb.toUpperCase(), group, version, resource, request.subresource, scopeOf(request), 'apiserver'];
}

/** How often each set of labels occurs. */
function tally(all: readonly string[][]): Sample[] {
  const counts = new Map<string, { labels: string[]; value: number }>();
  for (const labels of all) {
    const key = labels.join('\u0000');
    const sample = counts.get(key) ?? { labels, value: 0 };
    sample.value++;
    counts.set(key, sample);
  }
  return [...counts.values()];
}
