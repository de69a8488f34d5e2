import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterJson, inCheckout, knarr, podJson, runPod } from './cluster-in-guest.ts';
import { freshDisks, Guest, type GuestDisks, removeDisks } from './guest.ts';

const link = (end: string, mac: string): string[] => [
  ...['-netdev', `stream,id=lan,${end}`],
  ...['-device', `virtio-net-pci,netdev=lan,addr=0x6,mac=52:54:00:00:00:${mac}`],
];

// Two machines that share nothing but a wire. The second one is told an address, the hash of a certificate, and a token.
describe('a node on another machine', () => {
  const disks: GuestDisks[] = [];
  const guests: Guest[] = [];
  let wire: string;
  let first: Guest;
  let second: Guest;

  const boot = async (extra: string[], address: string): Promise<Guest> => {
    const own = await freshDisks();
    disks.push(own);
    const guest = await Guest.boot({ disks: own, extra });
    guests.push(guest);
    await guest.output(`ip link set enp0s6 up && ip address add ${address}/24 dev enp0s6`);
    return guest;
  };

  beforeAll(async () => {
    wire = await mkdtemp(join(tmpdir(), 'knarr-wire-'));
    const socket = `addr.type=unix,addr.path=${join(wire, 'lan')}`;
    first = await boot(link(`server=on,${socket}`, '01'), '192.168.77.1');
    second = await boot(link(`server=off,${socket}`, '02'), '192.168.77.2');
    // The way to the server's address, as a router between two networks would have it.
    await second.output('ip route add 172.30.0.0/24 via 192.168.77.1 && ping -c 1 -W 5 192.168.77.1');
  });
  afterAll(async () => {
    for (const guest of guests) await guest.cutPower();
    for (const own of disks) await removeDisks(own);
    await rm(wire, { recursive: true });
  });

  it('joins with a URL and a token, and becomes Ready', async () => {
    await knarr(first, 'up --no-demo --no-kubeconfig');
    const token = await first.output('cat /var/lib/knarr/knarr/join-token');
    const digest = 'openssl x509 -in /var/lib/knarr/knarr/pki/ca.crt -pubkey -noout | openssl pkey -pubin -outform der';
    const hash = await first.output(`${digest} | openssl dgst -sha256 -hex | sed 's/.* //'`);
    const flags = ['--server https://172.30.0.254:6443', `--token ${token}`, `--ca-hash sha256:${hash}`];
    const own = ['--name n2', '--dir /var/lib/knarr-n2', '--address 192.168.77.2'];
    expect(await second.output('ls -A /var/lib/knarr 2>/dev/null; true')).toBe('');
    await second.output(
      `systemd-run --unit=n2 -E KNARR_ROOT=/opt/knarr -p KillMode=process ${inUnit} agent ${[...flags, ...own].join(' ')}`,
    );
    await first.output(inCheckout('./knarr kubectl wait node/n2 --for=create --timeout=800s'));
    await first.output(inCheckout('./knarr kubectl wait node/n2 --for=condition=Ready --timeout=800s'));
    const node = await clusterJson<{ status: { addresses: object[]; nodeInfo: { kernelVersion: string } } }>(
      first,
      'get node n2',
    );
    expect(node.status.addresses).toContainEqual({ type: 'InternalIP', address: '192.168.77.2' });
    expect(node.status.nodeInfo.kernelVersion).toBe(await second.output('uname -r'));
  });

  it('runs a pod there, whose logs and shell are reached through the server', async () => {
    await runPod(first, { name: 'there', node: 'n2', command: 'cat /proc/sys/kernel/random/boot_id; exec sleep 3600' });
    const bootId = await second.output('cat /proc/sys/kernel/random/boot_id');
    expect(await first.output(inCheckout('./knarr kubectl logs there'))).toBe(bootId);
    expect(await first.output(inCheckout('./knarr kubectl exec there -- hostname'))).toBe('there');
    const { metadata } = await podJson(first, 'there');
    const group = `/sys/fs/cgroup/knarr-knarr/n2/kubepods/besteffort/pod${metadata.uid}`;
    expect(await second.output(`cat ${group}/*/cgroup.procs | xargs ps -o args= -p`)).toContain('sleep 3600');
  });

  it('is NotReady when its machine loses power', async () => {
    await second.cutPower();
    await first.output(inCheckout("./knarr kubectl wait node/n2 --for='condition=Ready=Unknown' --timeout=800s"));
  });
});

const inUnit = '/usr/local/bin/node /opt/knarr/dist/knarr.js';
