/**
 * `npm run coverage:facts`: how much of Kubernetes is there, done of total, counted from our code and tables against the
 * facts. Writes `test/coverage.json`; `--verify` only compares: no number may fall. How each is counted stands beside it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind } from '../src/api/kind.ts';
import { strategies } from '../src/api/kinds.ts';
import { allVersions, storedName } from '../src/api/served-versions.ts';
import { connecting } from '../src/apiserver/front.ts';
import { isHandled } from '../src/apiserver/pipeline.ts';
import { metricsKinds } from '../src/apiserver/resource-metrics/endpoints.ts';
import { controllers } from '../src/controllers/controllers.ts';
import { explained, fallen, missingTests, type Numbers } from './coverage-numbers.ts';
import { type Rule, rulesShown, shownCauses } from './coverage-validation.ts';

const root = join(import.meta.dirname, '..');
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');
const read = <T>(path: string): T => JSON.parse(textOf(path)) as T;

interface FactResource {
  group: string;
  version: string;
  resource: string;
  verbs?: string[];
  subresources?: { name: string; verbs: string[] }[];
  columns?: unknown[];
}
const { resources } = read<{ resources: FactResource[] }>('facts/kinds.json');
const keyOf = (r: FactResource): string => `${r.group}/${r.version}/${r.resource}`;
/** What the server stores, and what it reads from the nodes. */
const served = new Map([...allVersions, ...metricsKinds].map((kind) => [keyOf(kind as FactResource), kind]));

/** A kind counts when it can be served in that version: as in Kubernetes, what is not stable only when it is asked for. */
const kinds = () => resources.map((r) => served.has(keyOf(r)));

/** A verb of a resource or subresource counts when the pipeline or a stream to a node has a handler for it. */
const verbs = () =>
  resources.flatMap((r) => {
    const isServed = served.has(keyOf(r));
    const own = (r.verbs ?? []).map((verb) => isServed && isHandled('', verb));
    const below = (r.subresources ?? []).flatMap(({ name, verbs: all }) =>
      all.map((verb) => isServed && (connecting.has(name) || isHandled(name, verb))),
    );
    return [...own, ...below];
  });

const hasPrinter = (kind: Kind): boolean =>
  metricsKinds.includes(kind) || strategies[storedName(kind)]?.cells !== undefined;

/** A column counts when its kind has a printer of its own, or has only those that every kind has. */
const columns = () =>
  resources.flatMap((r) => {
    const kind = served.get(keyOf(r));
    const has = kind && ((r.columns ?? []).length <= 2 || hasPrinter(kind));
    return (r.columns ?? []).map(() => Boolean(has));
  });

const defaultFacts = read<[string, string, string][]>('facts/defaults.json');
/** A default counts when a case of ours shows what decoding and defaults make of an object that leaves it out. */
function defaults(): boolean[] {
  const shown = readFileSync(join(root, 'src/api/schema/testdata/default-rows.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { default: string[] }).default.join(' '));
  return defaultFacts.map(([, names, field]) => shown.includes(`${names} ${field}`));
}

const rules = read<Rule[]>('facts/validation.json');
/** A rule counts when a refusal with an error of its type at its field is repeated by our server: see `rulesShown`. */
const validation = () => rulesShown(rules, shownCauses(root));

/** A controller of Kubernetes counts when the one of ours that stands for it is in the list. */
function controllerLoops(): boolean[] {
  const authority = { cert: '', key: '' };
  const ours = new Set(
    controllers({ rootCaPem: 'x', podCidr: '10.0.0.0/16', authority, signToken: String }).map(({ name }) => name),
  );
  return read<[string, string][]>('facts/controllers.json').map(([, name]) => ours.has(name));
}

/** A plugin of the default profile counts when the scheduler has one of its name. */
function schedulerPlugins(): boolean[] {
  const files = readdirSync(join(root, 'src/scheduler/plugins')).filter((name) => !name.endsWith('.test.ts'));
  const text = files.map((name) => textOf(`src/scheduler/plugins/${name}`)).join('');
  return read<string[]>('facts/scheduler-plugins.json').map((name) => text.includes(`name: '${name}'`));
}

const shownBy = read<Record<string, string>>('test/conformance.json');
/** A behaviour counts when `test/conformance.json` names the test of ours that shows it. */
const conformance = () => read<string[]>('facts/conformance.json').map((name) => shownBy[name] !== undefined);

const counted: Record<string, () => boolean[]> = {
  kinds,
  verbs,
  'validation rules': validation,
  defaults,
  columns,
  controllers: controllerLoops,
  'scheduler plugins': schedulerPlugins,
  'conformance behaviours': conformance,
};

const reasonsFile = 'test/unreachable-rules.json';
const reasons = read<Record<string, string>>(reasonsFile);
/** What has a reason in that file where nothing shows it, by its key there. */
const keysOf: Record<string, string[]> = {
  'validation rules': rules.map((rule) => rule.join(' ')),
  defaults: defaultFacts.map((fact) => fact.join(' ')),
};
const known = new Set(Object.values(keysOf).flat());
const unexplained = Object.keys(reasons).flatMap((key) => (known.has(key) ? [] : [`${key}: no such rule or default`]));

const numbers: Numbers = {};
for (const [name, count] of Object.entries(counted)) {
  const list = count();
  const done = list.filter(Boolean).length;
  numbers[name] = { done, total: list.length };
  const { unreachable, open, problems } = explained(
    new Map(keysOf[name]?.map((key, i) => [key, Boolean(list[i])])),
    reasons,
  );
  unexplained.push(...problems);
  const why = unreachable + open > 0 ? ` (${unreachable} out of reach, ${open} open: ${reasonsFile})` : '';
  console.log(`${name.padEnd(24)} ${String(done).padStart(5)} of ${list.length}${why}`);
}
const behaviours = new Set(read<string[]>('facts/conformance.json'));
const problems = [
  ...fallen(read<Numbers>('test/coverage.json'), numbers),
  ...missingTests(shownBy, textOf),
  ...unexplained,
  ...Object.keys(shownBy).flatMap((name) => (behaviours.has(name) ? [] : [`${name}: no such behaviour`])),
];
for (const problem of problems) console.log(`✗ ${problem}`);
if (problems.length > 0) process.exitCode = 1;
else if (!process.argv.includes('--verify'))
  writeFileSync(join(root, 'test/coverage.json'), `${JSON.stringify(numbers, undefined, 2)}\n`);
