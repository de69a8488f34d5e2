import { describe, expect, it } from 'vitest';
import { layoutOf, maxIndex } from './layout.ts';
import { NetworkInUseError, type ObservedNetwork, planDown, planUp, type Step } from './plan.ts';
import { assignOrdinals } from './virtual-network.ts';

const layout = layoutOf({
  name: 'demo',
  index: 2,
  nodes: [
    { name: 'node-1', ordinal: 1 },
    { name: 'node-2', ordinal: 2 },
  ],
});
const nothing: ObservedNetwork = { namespaces: new Set(), links: new Map([['', new Map()]]) };
const alias = 'knarr:demo';
const whole: ObservedNetwork = {
  namespaces: new Set(['kn-demo-fab', 'kn-demo-node-1', 'kn-demo-node-2']),
  links: new Map([
    ['', new Map([['kn2-host', { alias }]])],
    [
      'kn-demo-fab',
      new Map([
        ['fab0', {}],
        ['host', {}],
        ['n1', {}],
        ['n2', {}],
      ]),
    ],
    ['kn-demo-node-1', new Map([['eth0', { alias }]])],
    ['kn-demo-node-2', new Map([['eth0', { alias }]])],
  ]),
};
const linesOf = (steps: Step[]) => steps.flatMap((step) => (step.do === 'ip' ? step.lines : []));
const adds = (steps: Step[]) => linesOf(steps).filter((line) => / add | del /.test(line));

describe('layoutOf', () => {
  it('gives every cluster ranges of its own', () => {
    expect(layout).toMatchObject({
      fabricCIDR: '172.30.2.0/24',
      hostAddress: '172.30.2.254',
      serviceCIDR: '10.98.0.0/16',
      podCIDR: '10.242.0.0/16',
      dnsAddress: '10.98.0.10',
    });
    expect(layout.nodes[1]).toMatchObject({ namespace: 'kn-demo-node-2', address: '172.30.2.12' });
    const all = Array.from({ length: maxIndex + 1 }, (_, index) => layoutOf({ name: 'x', index, nodes: [] }));
    expect(new Set(all.flatMap((l) => [l.serviceCIDR, l.podCIDR])).size).toBe(2 * all.length);
    expect(all.every((l) => l.hostLink.length <= 15)).toBe(true);
  });

  it.each([-1, maxIndex + 1, 0.5])('refuses index %d', (index) => {
    expect(() => layoutOf({ name: 'x', index, nodes: [] })).toThrow(RangeError);
  });

  it('refuses a node that would take the name of the fabric', () => {
    expect(() => layoutOf({ name: 'x', index: 0, nodes: [{ name: 'fab', ordinal: 1 }] })).toThrow(RangeError);
  });
});

describe('planUp', () => {
  it('makes everything from nothing', () => {
    const steps = planUp('demo', layout, nothing);
    expect(steps.flatMap((step) => (step.do === 'addNamespace' ? step.namespace : []))).toEqual([
      'kn-demo-fab',
      'kn-demo-node-1',
      'kn-demo-node-2',
    ]);
    expect(adds(steps)).toEqual([
      'link add fab0 type bridge',
      'link add kn2-host type veth peer name host netns kn-demo-fab',
      'link add eth0 type veth peer name n1 netns kn-demo-fab',
      'link add eth0 type veth peer name n2 netns kn-demo-fab',
    ]);
    expect(linesOf(steps)).toContain('route replace 10.98.0.0/16 via 172.30.2.11 dev kn2-host');
  });

  it('adds nothing to a whole network', () => {
    const steps = planUp('demo', layout, whole);
    expect(adds(steps)).toEqual([]);
    expect(steps.some((step) => step.do === 'addNamespace')).toBe(false);
  });

  it('repairs what is broken: a node without its port', () => {
    const links = new Map(whole.links).set(
      'kn-demo-fab',
      new Map([
        ['fab0', {}],
        ['host', {}],
        ['n1', {}],
      ]),
    );
    expect(adds(planUp('demo', layout, { ...whole, links }))).toEqual([
      'link del eth0',
      'link add eth0 type veth peer name n2 netns kn-demo-fab',
    ]);
  });

  it('takes the link of a node down, and leads the host to one that can be reached', () => {
    const nodes = layout.nodes.map((node) => ({ ...node, isCutOff: node.ordinal === 1 }));
    const lines = linesOf(planUp('demo', { ...layout, nodes }, whole));
    expect(lines.filter((line) => line.includes('master'))).toEqual([
      'link set host master fab0 up',
      'link set n1 master fab0 down',
      'link set n2 master fab0 up',
    ]);
    expect(lines).toContain('route replace 10.98.0.0/16 via 172.30.2.12 dev kn2-host');
  });

  it('refuses the range of another cluster', () => {
    const links = new Map([['', new Map([['kn2-host', { alias: 'knarr:other' }]])]]);
    expect(() => planUp('demo', layout, { namespaces: new Set(), links })).toThrow(NetworkInUseError);
  });
});

describe('planDown', () => {
  it('removes what is ours, and only that', () => {
    const foreign = { namespaces: new Set([...whole.namespaces, 'kn-demo-x-node-1']), links: new Map(whole.links) };
    foreign.links.set('kn-demo-x-node-1', new Map([['eth0', { alias: 'knarr:demo-x' }]]));
    const steps = planDown('demo', layout, { observed: foreign, known: [] });
    expect(steps.flatMap((step) => (step.do === 'deleteNamespace' ? step.namespace : []))).toEqual([
      'kn-demo-node-1',
      'kn-demo-node-2',
      'kn-demo-fab',
    ]);
    expect(linesOf(steps)).toEqual(['link del kn2-host']);
  });

  it('is content with nothing', () => {
    expect(planDown('demo', layout, { observed: nothing, known: ['kn-demo-node-1'] }).map((step) => step.do)).toEqual([
      'nft',
    ]);
  });
});

describe('assignOrdinals', () => {
  it('gives nodes what they had and others what nobody had', () => {
    const ordinals = { a: 1, gone: 2 };
    expect(assignOrdinals(['b', 'a', 'c'], ordinals)).toEqual([
      { name: 'b', ordinal: 3 },
      { name: 'a', ordinal: 1 },
      { name: 'c', ordinal: 4 },
    ]);
    expect(ordinals).toEqual({ a: 1, gone: 2, b: 3, c: 4 });
  });
});
