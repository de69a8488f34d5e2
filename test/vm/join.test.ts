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

// Two machines that share nothing but a wire. The second one is told one command.
describe('a node on another machine', () => {
  const disks: GuestDisks[] = [];
  const guests: Guest[] = [];
  let wire: string;
  let socket: string;
  let first: Guest;
  let second: Guest;

  const boot = async (extra: string[], address: string, used?: GuestDisks): Promise<Guest> => {
    const own = used ?? (await freshDisks());
    if (!used) disks.push(own);
    const guest = await Guest.boot({ disks: own, extra });
    guests.push(guest);
    await guest.output(`ip link set enp0s6 up && ip address add ${address}/24 dev enp0s6`);
    return guest;
  };

  const inPod = (pod: string, script: string) =>
    first.output(inCheckout(`./knarr kubectl exec ${pod} -- sh -c '${script}'`));

  beforeAll(async () => {
    wire = await mkdtemp(join(tmpdir(), 'knarr-wire-'));
    socket = `addr.type=unix,addr.path=${join(wire, 'lan')}`;
    first = await boot(link(`server=on,${socket}`, '01'), '192.168.77.1');
    second = await boot(link(`server=off,${socket}`, '02'), '192.168.77.2');
    await second.output('ping -c 1 -W 5 192.168.77.1');
  });
  afterAll(async () => {
    for (const guest of guests) await guest.cutPower();
    for (const own of disks) await removeDisks(own);
    await rm(wire, { recursive: true });
  });

  it('joins with the command that the first one prints, and becomes Ready', async () => {
    await knarr(first, 'up --no-demo --no-kubeconfig --advertise 192.168.77.1');
    const { command } = JSON.parse(await first.output(inCheckout('./knarr token create -o json'))) as {
      command: string;
    };
    expect(command).toMatch(/^\.\/knarr join https:\/\/192\.168\.77\.1:6443 --token /);
    expect(await second.output('ls -A /var/lib/knarr 2>/dev/null; true')).toBe('');
    await knarr(second, `${command.slice('./knarr '.length)} --name n2`);
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
    expect(await inPod('there', 'hostname')).toBe('there');
    const { metadata } = await podJson(first, 'there');
    const group = `/sys/fs/cgroup/knarr-knarr/n2/kubepods/besteffort/pod${metadata.uid}`;
    expect(await second.output(`cat ${group}/*/cgroup.procs | xargs ps -o args= -p`)).toContain('sleep 3600');
  });

  it('has pods that reach those of the other machine, whole packets too, its Services, names and the API server', async () => {
    const serve =
      'mkdir /www; hostname >/www/index.html; head -c 300000 /dev/zero >/www/big; exec httpd -f -p 80 -h /www';
    await runPod(first, { name: 'web-here', node: 'node1', command: serve });
    await runPod(first, { name: 'web-there', node: 'n2', command: serve });
    for (const [from, to] of [
      ['web-here', 'web-there'],
      ['web-there', 'web-here'],
    ] as const) {
      const { podIP } = (await podJson(first, to)).status;
      expect(await inPod(from, `timeout 20 wget -qO- http://${podIP}/`)).toBe(to);
      expect(await inPod(from, `timeout 60 wget -qO- http://${podIP}/big | wc -c`)).toBe('300000');
      // Room for the envelope was found: the link takes 1500.
      expect(await inPod(from, 'ping -c 1 -w 20 -s 1422 ' + podIP)).toContain('1 packets received');
    }
    expect(await inPod('web-there', 'cat /sys/class/net/eth0/mtu')).toBe('1450');
    expect(await inPod('web-there', 'nslookup kubernetes.default.svc.cluster.local | tail -n +3')).toContain(
      '10.96.0.1',
    );
    expect(await inPod('web-there', 'nc -w 20 kubernetes.default 443 -e true && echo open')).toBe('open');
    await first.output(inCheckout('./knarr kubectl label pod web-here app=here'));
    await first.output(inCheckout('./knarr kubectl create service clusterip here --tcp=80:80'));
    const reachable = 'for i in $(seq 50); do timeout 10 wget -qO- http://here/ && exit; sleep 0.2; done; exit 1';
    expect(await inPod('web-there', reachable)).toBe('web-here');
  });

  it('is unknown while its link is down, and Ready again when that is back; nothing on it was started again', async () => {
    const { status } = await podJson(first, 'there');
    await second.output('ip link set enp0s6 down');
    await first.output(inCheckout("./knarr kubectl wait node/n2 --for='condition=Ready=Unknown' --timeout=250s"));
    await second.output('ip link set enp0s6 up');
    await first.output(inCheckout('./knarr kubectl wait node/n2 --for=condition=Ready --timeout=250s'));
    await first.output(inCheckout('./knarr kubectl wait pod/there --for=condition=Ready --timeout=250s'));
    expect((await podJson(first, 'there')).status.containerStatuses[0]).toMatchObject({
      containerID: status.containerStatuses[0]?.containerID,
      restartCount: 0,
    });
    const { podIP } = (await podJson(first, 'web-here')).status;
    expect(await inPod('web-there', `timeout 20 wget -qO- http://${podIP}/`)).toBe('web-here');
  });

  it('is NotReady when its machine loses power', async () => {
    await second.cutPower();
    await first.output(inCheckout("./knarr kubectl wait node/n2 --for='condition=Ready=Unknown' --timeout=250s"));
  });

  it('comes back as the same node when its machine does, with the same address for pods', async () => {
    const { podCIDR } = (await clusterJson<{ spec: { podCIDR: string } }>(first, 'get node n2')).spec;
    second = await boot(link(`server=off,${socket}`, '02'), '192.168.77.2', disks[1]);
    await knarr(second, 'join');
    await first.output(inCheckout('./knarr kubectl wait node/n2 --for=condition=Ready --timeout=250s'));
    expect(await clusterJson(first, 'get node n2')).toMatchObject({ spec: { podCIDR } });
    await knarr(second, 'leave');
    expect(await second.output('ls -A /var/lib/knarr; ip -o link | grep kn-; nft list tables | grep knarr; true')).toBe(
      '',
    );
  });
});
