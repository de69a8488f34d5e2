import { outputOf, type RunCommand } from '../host/command.ts';
import { type LinkAddress, type Route, routeProtocol } from './route-plan.ts';
import type { PresentEnd } from './tunnel-plan.ts';

/** The routing table and links of the network namespace that `run` works in. Everything rejects with `CommandError`. */
export interface Routes {
  /** The routes that carry our protocol number. */
  listOwn(): Promise<Route[]>;
  /** Lines of `ip -batch`; stops at the first that fails. */
  apply(lines: readonly string[]): Promise<void>;
  links(): Promise<LinkAddress[]>;
  /** Our end of the tunnel, if there is one. */
  tunnel(device: string): Promise<PresentEnd | undefined>;
  /** Lines of `bridge -batch`. */
  forward(lines: readonly string[]): Promise<void>;
  enableForwarding(): Promise<void>;
}

interface ShownTunnel {
  linkinfo?: { info_data?: { id?: number; local?: string; udp_csum?: boolean } };
}

interface ShownLink {
  ifname: string;
  mtu: number;
  addr_info: { local: string; prefixlen: number; scope: string }[];
}

export function execRoutes({ run }: { run: RunCommand }): Routes {
  const json = async <T>(...args: string[]): Promise<T[]> => {
    const text = await outputOf(run, { program: 'ip', args: ['-j', '-4', ...args] });
    return text.trim() === '' ? [] : (JSON.parse(text) as T[]);
  };
  return {
    async listOwn() {
      const found = await json<{ dst: string; gateway?: string; dev?: string }>(
        'route',
        'show',
        'proto',
        String(routeProtocol),
      );
      return found.map(({ dst, gateway = '', dev = '' }) => ({ destination: dst, via: gateway, device: dev }));
    },
    async apply(lines) {
      await outputOf(run, { program: 'ip', args: ['-batch', '-'], input: `${lines.join('\n')}\n` });
    },
    async tunnel(device) {
      const { stdout } = await run({ program: 'ip', args: ['-j', '-d', 'link', 'show', 'dev', device] });
      // Without the device `ip` prints nothing.
      const [found] = stdout.trim() === '' ? [] : (JSON.parse(stdout) as ShownTunnel[]);
      const { id, local, udp_csum: hasChecksum } = found?.linkinfo?.info_data ?? {};
      return id === undefined || local === undefined ? undefined : { device, id, local, hasChecksum };
    },
    async forward(lines) {
      await outputOf(run, { program: 'bridge', args: ['-batch', '-'], input: `${lines.join('\n')}\n` });
    },
    async links() {
      const found = await json<ShownLink>('addr', 'show');
      return found.flatMap(({ ifname, mtu, addr_info }) =>
        addr_info
          // A pod's link has a /32: nothing else can be on it.
          .filter((a) => a.scope === 'global' && a.prefixlen < 32)
          .map((a) => ({ device: ifname, address: a.local, prefixLength: a.prefixlen, mtu })),
      );
    },
    async enableForwarding() {
      await outputOf(run, { program: 'tee', args: ['/proc/sys/net/ipv4/ip_forward'], input: '1\n' });
    },
  };
}
