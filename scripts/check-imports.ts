/**
 * The import table of ARCHITECTURE.md: a room (a folder of `src/`) imports only from rooms on lower floors.
 * Pure: from the texts of files to the lines that break the table.
 */
import { posix } from 'node:path';

/** Rooms by floor, lowest first. A new room is one word here. */
export const floors: readonly (readonly string[])[] = [
  ['base'],
  ['cel'],
  ['api', 'host', 'rpc'],
  ['store', 'client', 'placement', 'ingress', 'streams', 'pki', 'cri', 'nft'],
  ['apiserver', 'controllers', 'scheduler', 'batch', 'autoscaler', 'kubelet', 'proxy', 'overlay', 'policy', 'dns'],
  ['cluster', 'insight', 'simulation'],
  ['testing', 'cli', 'dashboard'],
  ['bin'],
];

/** Rooms whose outcome depends on nothing but their input: no file, socket, process or asynchronous crypto. */
const rooms = {
  withoutIo: ['base', 'api', 'cel', 'placement', 'ingress', 'controllers', 'scheduler', 'batch', 'autoscaler'],
};
const ioModules = /^node:(child_process|cluster|dgram|dns|fs|http|http2|https|inspector|tls|worker_threads|zlib)(\/|$)/;
/** May ship what elsewhere is only for tests: a fake is part of what they promise. */
const roomsWithFakes = ['simulation', 'testing'];

export interface SourceFile {
  /** From the root of the checkout, with '/'. */
  path: string;
  text: string;
}

const importForms = [
  /^(?:import|export)\s[^'"`;]*?from\s*'([^']+)'/gm,
  /^import\s*'([^']+)'/gm,
  /\bimport\(\s*'([^']+)'\s*\)/g,
];

/** What a file imports, types too: a type is knowledge of the other room. */
export const importsOf = (text: string): string[] =>
  importForms.flatMap((form) => [...text.matchAll(form)].map((match) => match[1] as string));

/** Only tests may need it: tests themselves, contract suites, fakes, fixtures. */
export const isForTests = (path: string): boolean =>
  /\.(test|contract|fake)\.ts$|(^|\/)fake(-[^/]*)?\.ts$|-(fake|fixtures|harness|tracer)\.ts$|(^|\/)test-[^/]*\.ts$|-test-server\.ts$/.test(
    path,
  );

const floorOf = (room: string): number => floors.findIndex((floor) => floor.includes(room));
const roomOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1];

/** One line for each import that breaks the table; none when all is well. */
export const checkImports = (files: readonly SourceFile[]): string[] =>
  files.flatMap(({ path, text }) => importsOf(text).flatMap((name) => breachOf(path, name) ?? []));

function breachOf(from: string, imported: string): string | undefined {
  const room = roomOf(from);
  if (room === undefined) return undefined;
  if (floorOf(room) < 0) return `${from}: src/${room} is on no floor of scripts/check-imports.ts`;
  if (!imported.startsWith('.')) {
    const breaks = rooms.withoutIo.includes(room) && ioModules.test(imported) && !isForTests(from);
    return breaks ? `${from}: src/${room} does no I/O, but imports ${imported}` : undefined;
  }
  const target = posix.join(posix.dirname(from), imported);
  return roomBreach({ from, room, target }) ?? testBreach({ from, room, target });
}

interface Import {
  from: string;
  room: string;
  target: string;
}

function roomBreach({ from, room, target }: Import): string | undefined {
  const other = roomOf(target);
  if (other === room) return undefined;
  if (other === undefined) return target.startsWith('src/') ? undefined : `${from}: src never imports ${target}`;
  const [floor, otherFloor] = [floorOf(room), floorOf(other)];
  if (otherFloor < 0) return `${from}: src/${other} is on no floor of scripts/check-imports.ts`;
  if (otherFloor < floor) return undefined;
  const where = otherFloor === floor ? 'the same floor' : 'a higher floor';
  return `${from}: src/${room} (floor ${floor}) imports ${target}, on ${where} (${otherFloor})`;
}

function testBreach({ from, room, target }: Import): string | undefined {
  if (!isForTests(target) || isForTests(from) || roomsWithFakes.includes(room)) return undefined;
  return `${from}: imports ${target}, which is only for tests`;
}
