import { blockContains } from '../base/ipv4.ts';
import { outputOf, type RunCommand } from '../host/command.ts';

interface ShownLink {
  ifname: string;

  addr_info: { local: string }[];
}

export interface AnnouncerOptions {
  /** Of the node: addresses are announced on the link that has it. */
  nodeAddress: string;
  /** Addresses in here are ours to add and to take away. */
  pool: string;
}

/** Makes the node answer for exactly these addresses on its link. */
export type Announce = (addresses: ReadonlySet<string>) => Promise<void>;

/**
 * By giving the link the addresses: the kernel answers for all that it has. Neighbours who remember another node are told at
 * once: a link that gets its own address again tells all of its addresses, where `arp_notify` is on (ip-sysctl, arp_notify).
 */
export const execAnnounce =
  ({ run }: { run: RunCommand }, { nodeAddress, pool }: AnnouncerOptions): Announce =>
  async (addresses) => {
    const shown = JSON.parse(await outputOf(run, { program: 'ip', args: ['-j', '-4', 'addr', 'show'] })) as ShownLink[];
    const link = shown.find(({ addr_info }) => addr_info.some(({ local }) => local === nodeAddress));
    if (!link) throw new Error(`no link has the address ${nodeAddress}`);
    const present = new Set(link.addr_info.map(({ local }) => local).filter((local) => blockContains(pool, local)));
    const gone = [...present].filter((address) => !addresses.has(address));
    const added = [...addresses].filter((address) => !present.has(address));
    const lines = [
      ...gone.map((address) => `addr del ${address}/32 dev ${link.ifname}`),
      ...added.map((address) => `addr add ${address}/32 dev ${link.ifname}`),
      ...(added.length > 0 ? [`link set dev ${link.ifname} address ${await hardwareAddress(run, link.ifname)}`] : []),
    ];
    if (lines.length > 0) await outputOf(run, { program: 'ip', args: ['-batch', '-'], input: `${lines.join('\n')}\n` });
  };

async function hardwareAddress(run: RunCommand, device: string): Promise<string> {
  const text = await outputOf(run, { program: 'ip', args: ['-j', 'link', 'show', 'dev', device] });
  const [link] = JSON.parse(text) as { address: string }[];
  return link?.address ?? '';
}
