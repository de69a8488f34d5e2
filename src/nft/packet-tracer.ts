import { blockContains, parseIPv4 } from '../base/ipv4.ts';
import type { Range } from '../base/ranges.ts';
import type { FakeTable } from './fake.ts';
import type { Chain, Field, Hook, Statement } from './table.ts';

/** The first packet of a flow, as a test sends it. */
export interface VirtualPacket {
  source: string;
  destination: string;
  protocol?: string;
  port: number;
}

export interface Traced {
  fate: 'delivered' | 'rejected' | 'dropped';
  destination: string;
  port: number;
  /** The receiver sees an address of the node instead of the client's. */
  masqueraded: boolean;
}

interface Walk {
  /** The one whose chain the packet is in. */
  table: FakeTable;
  isKnown: boolean;
  packet: Required<VirtualPacket>;
  mark: number;
  translated: boolean;
  keepSource: boolean;
  masqueraded: boolean;
  localAddresses: readonly string[];
  /** A number in [0, 1). */
  chance: () => number;
}

type Outcome = 'accept' | 'drop' | 'reject' | 'return' | 'done' | undefined;

export interface TraceOptions {
  /** Addresses of the node itself. */
  localAddresses: readonly string[];
  chance?: () => number;
  /** A later packet of a flow that was let through. */
  isKnown?: boolean;
}

/** Walks a packet through the hooks as the kernel would, interpreting the tables' own rules. For tests. */
export function tracePacket(tables: readonly FakeTable[], packet: VirtualPacket, options: TraceOptions): Traced {
  const walk: Walk = {
    table: tables[0] as FakeTable,
    isKnown: options.isKnown ?? false,
    packet: { protocol: 'tcp', ...packet },
    mark: 0,
    translated: false,
    keepSource: false,
    masqueraded: false,
    localAddresses: options.localAddresses,
    chance: options.chance ?? (() => 0),
  };
  const isLocal = (address: string) => options.localAddresses.includes(address);
  const hooks: Hook[] = [];
  let outcome: Outcome = 'accept';
  const enter = (hook: Hook) => {
    hooks.push(hook);
    outcome = runHook(walk, tables, hook);
    return outcome === 'accept';
  };
  const fromHere = isLocal(packet.source);
  const passed =
    enter(fromHere ? 'output' : 'prerouting') &&
    (fromHere || enter(isLocal(walk.packet.destination) ? 'input' : 'forward')) &&
    (hooks.includes('input') || enter('postrouting'));
  const fate = passed ? 'delivered' : (outcome as Outcome) === 'reject' ? 'rejected' : 'dropped';
  return { fate, destination: walk.packet.destination, port: walk.packet.port, masqueraded: walk.masqueraded };
}

function runHook(walk: Walk, tables: readonly FakeTable[], hook: Hook): Outcome {
  const entries = tables.flatMap((table) => [...table.chains.values()].map((chain) => ({ table, chain })));
  const entered = entries.filter(({ chain }) => chain.base?.hook === hook);
  entered.sort((a, b) => (a.chain.base?.priority ?? 0) - (b.chain.base?.priority ?? 0));
  for (const { table, chain } of entered) {
    walk.table = table;
    const outcome = runChain(walk, chain);
    if (outcome === 'drop' || outcome === 'reject') return outcome;
  }
  return 'accept';
}

/** `done`: the packet's translation is settled, this hook's chain is over. */
function runChain(walk: Walk, chain: Chain): Outcome {
  for (const rule of chain.rules) {
    for (const statement of rule) {
      const outcome = runStatement(walk, statement);
      if (outcome === 'next rule') break;
      if (outcome === 'return') return undefined;
      if (outcome !== undefined) return outcome;
    }
  }
  return undefined;
}

function field(walk: Walk, name: Field): string {
  switch (name) {
    case 'ip saddr':
      return walk.packet.source;
    case 'ip daddr':
      return walk.packet.destination;
    case 'meta l4proto':
      return walk.packet.protocol;
    case 'th dport':
      return String(walk.packet.port);
    case 'meta mark':
      return String(walk.mark);
  }
}

const keyOf = (walk: Walk, fields: readonly Field[]): string => fields.map((name) => field(walk, name)).join(' . ');

function runStatement(walk: Walk, s: Statement): Outcome | 'next rule' {
  if ('match' in s) return matches(walk, s) ? undefined : 'next rule';
  if ('set' in s) return applySet(walk, s);
  switch (s.end) {
    case 'translate': {
      const [address, port] = walk.table.elements.get(s.map)?.get(keyOf(walk, s.key))?.split(' . ') ?? [];
      if (!address) return 'next rule';
      walk.packet = { ...walk.packet, destination: address, port: Number(port) };
      walk.translated = true;
      return 'done';
    }
    case 'masquerade':
      walk.masqueraded = true;
      return 'done';
    case 'reject':
      return 'reject';
    case 'verdict':
      return follow(walk, s.verdict);
    case 'verdictFrom': {
      const verdict = walk.table.elements.get(s.map)?.get(keyOf(walk, s.key));
      return verdict === undefined ? 'next rule' : follow(walk, verdict);
    }
  }
}

function follow(walk: Walk, verdict: string): Outcome {
  const [kind, target = ''] = verdict.split(' ');
  if (kind !== 'goto' && kind !== 'jump') return kind as Outcome;
  const chain = walk.table.chains.get(target);
  if (!chain) throw new Error(`no chain ${target}`);
  const outcome = runChain(walk, chain);
  return kind === 'goto' ? (outcome ?? 'return') : outcome;
}

function matches(walk: Walk, s: Extract<Statement, { match: string }>): boolean {
  switch (s.match) {
    case 'address':
      return blockContains(s.block, field(walk, s.field)) !== (s.negate ?? false);
    case 'addressIn':
      return isInRanges(s.ranges, parseIPv4(field(walk, s.field)) ?? Number.NaN);
    case 'portIn':
      return walk.packet.protocol === s.protocol && isInRanges(s.ranges, walk.packet.port);
    case 'set':
      return holds(walk.table.elements.get(s.in), keyOf(walk, s.key)) !== (s.negate ?? false);
    case 'translated':
      return walk.translated;
    case 'newFlow':
      return !walk.isKnown;
    case 'knownFlow':
      return walk.isKnown;
    case 'localSource':
      return walk.localAddresses.includes(walk.packet.source);
    case 'notLeavingBy':
      return !(s.device === 'lo' && walk.localAddresses.includes(walk.packet.destination));
    case 'transport':
      return ['tcp', 'udp', 'sctp'].includes(walk.packet.protocol);
    case 'sourceKept':
      return walk.keepSource;
  }
}

const isInRanges = (ranges: readonly Range[], value: number): boolean =>
  ranges.some(([first, last]) => value >= first && value <= last);

/** Parts of an element of a set with intervals may be blocks. */
function holds(elements: ReadonlyMap<string, string> | undefined, key: string): boolean {
  if (!elements) return false;
  if (elements.has(key)) return true;
  const parts = key.split(' . ');
  const fits = (element: string) =>
    element.split(' . ').every((part, i) => part === parts[i] || blockContains(part, parts[i] ?? ''));
  return [...elements.keys()].some((element) => element.includes('/') && fits(element));
}

function applySet(walk: Walk, s: Extract<Statement, { set: string }>): 'next rule' | undefined {
  switch (s.set) {
    case 'randomSlot':
      walk.mark = s.offset + Math.floor(walk.chance() * s.size);
      return undefined;
    case 'keepSource':
      walk.keepSource = true;
      return undefined;
    case 'markFrom': {
      const value = walk.table.elements.get(s.map)?.get(keyOf(walk, s.key));
      if (value === undefined) return 'next rule';
      walk.mark = Number(value);
      return undefined;
    }
    case 'remember': {
      const elements = walk.table.elements.get(s.map);
      // The kernel refreshes an element's time; its value stays what it was.
      if (!elements?.has(keyOf(walk, s.key))) elements?.set(keyOf(walk, s.key), String(walk.mark));
      return undefined;
    }
    case 'forget':
      walk.table.elements.get(s.map)?.delete(keyOf(walk, s.key));
      return undefined;
  }
}
