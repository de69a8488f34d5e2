import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../api/generated/types.ts';
import { type LabelMatcher, labelSelectorMatcher } from '../api/meta/label-selector.ts';
import { mergeRanges, type Range } from '../base/ranges.ts';
import type { Chain, Field, Rule, Statement } from '../nft/table.ts';
import { blockRanges, contentName, peerSource, type PodSource, portSource } from './sources.ts';

export type Direction = 'ingress' | 'egress';

/** What a policy lets through in one direction: its chain, and the sets that the chain looks into. */
export interface Allowance {
  chain: Chain;
  sources: readonly PodSource[];
}

/** A policy in the words of the table. A direction that is absent is not restricted by it. */
export interface CompiledPolicy {
  namespace: string;
  selects: LabelMatcher;
  ingress?: Allowance;
  egress?: Allowance;
}

export function compilePolicy({ metadata, spec }: NetworkPolicy): CompiledPolicy {
  const namespace = metadata.namespace ?? '';
  // What the server fills in, for who has it from elsewhere.
  const types = spec.policyTypes ?? ['Ingress', ...(spec.egress?.length ? ['Egress'] : [])];
  const ingress = (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }));
  const egress = (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
  return {
    namespace,
    selects: labelSelectorMatcher(spec.podSelector ?? {}),
    ...(types.includes('Ingress') ? { ingress: allowance(ingress, { namespace, direction: 'ingress' }) } : {}),
    ...(types.includes('Egress') ? { egress: allowance(egress, { namespace, direction: 'egress' }) } : {}),
  };
}

interface PolicyRule {
  peers: NetworkPolicyPeer[] | undefined;
  ports: NetworkPolicyPort[] | undefined;
}

interface Place {
  namespace: string;
  direction: Direction;
}

/** One way to fulfil half of a rule: the statements, and what they look into. */
interface Way {
  statements: Statement[];
  source?: PodSource;
}

function allowance(rules: readonly PolicyRule[], place: Place): Allowance {
  const sources = new Map<string, PodSource>();
  const lines: Rule[] = [];
  for (const { peers, ports } of rules) {
    for (const peer of peerWays(peers, place)) {
      for (const port of portWays(ports)) {
        for (const { source } of [peer, port]) if (source) sources.set(source.set, source);
        lines.push([...peer.statements, ...port.statements, { end: 'verdict', verdict: 'accept' }]);
      }
    }
  }
  return { chain: { name: contentName('allow', lines), rules: lines }, sources: [...sources.values()] };
}

/** No peers at all are all peers; a list whose blocks hold nothing is nobody. */
function peerWays(peers: readonly NetworkPolicyPeer[] | undefined, { namespace, direction }: Place): Way[] {
  if (!peers || peers.length === 0) return [{ statements: [] }];
  const field: Field = direction === 'ingress' ? 'ip saddr' : 'ip daddr';
  const ranges = blockRanges(peers);
  const ways: Way[] = ranges.length > 0 ? [{ statements: [{ match: 'addressIn', field, ranges }] }] : [];
  for (const peer of peers) {
    const source = peerSource(peer, namespace);
    if (source) ways.push({ statements: [{ match: 'set', key: [field], in: source.set }], source });
  }
  return ways;
}

const anyPort: Range = [0, 65_535];

/** Numbers of one protocol are one statement; a name is looked up where the packet goes. */
function portWays(ports: readonly NetworkPolicyPort[] | undefined): Way[] {
  if (!ports || ports.length === 0) return [{ statements: [] }];
  const numbers = new Map<string, Range[]>();
  const ways: Way[] = [];
  for (const { protocol: given = 'TCP', port, endPort } of ports) {
    const protocol = given.toLowerCase();
    if (typeof port === 'string') {
      const source = portSource(port, protocol);
      ways.push({
        statements: [{ match: 'set', key: ['ip daddr', 'meta l4proto', 'th dport'], in: source.set }],
        source,
      });
      continue;
    }
    const range: Range = port === undefined ? anyPort : [port, endPort ?? port];
    numbers.set(protocol, [...(numbers.get(protocol) ?? []), range]);
  }
  for (const [protocol, ranges] of numbers) {
    ways.push({ statements: [{ match: 'portIn', protocol, ranges: mergeRanges(ranges) }] });
  }
  return ways;
}
