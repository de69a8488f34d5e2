import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDisks, Guest, type GuestDisks, removeDisks } from './guest.ts';
import { clusterJson, expectContract, inCheckout, knarr, type PodJson, podJson, runPod } from './cluster-in-guest.ts';

// A machine that is not ours: systemd, cgroup v2, no route to anywhere, none of the packages that knarr needs.
describe('a stock Debian 12', () => {
  let disks: GuestDisks;
  let guest: Guest;
  beforeAll(async () => {
    disks = await freshDisks({ isStock: true });
    guest = await Guest.boot({ disks });
  });
  afterAll(async () => {
    await guest?.cutPower();
    if (disks) await removeDisks(disks);
  });

  it('is what it says it is', async () => {
    expect(await guest.output('cat /etc/debian_version')).toMatch(/^12\./);
    expect(await guest.output('cat /proc/1/comm')).toBe('systemd');
    expect(await guest.output('stat -f -c %T /sys/fs/cgroup')).toBe('cgroup2fs');
    expect(await guest.output('ip route')).not.toContain('default');
    expect((await guest.run('which containerd runc')).exitCode).not.toBe(0);
  });

  it('has control groups that hold to the contract', async () => {
    await expectContract(guest, 'test/integration/cgroups.test.ts', 'cgroups contract: kernel, version 2');
  });

  it('runs a cluster after ./knarr up', async () => {
    const output = await knarr(guest, 'up');
    expect(output).toMatch(/✓ prerequisites: .*containerd/);
    expect(output).toMatch(/✓ demo: http:\/\/demo\.default\.svc\.cluster\.local\/ from a pod: demo-/);
    const { items } = await clusterJson<{ items: PodJson[] }>(guest, 'get pods');
    expect(items.map(({ status }) => status.phase)).toEqual(['Running', 'Running', 'Running']);
    // Running is a process: the web server of each pod, in that pod's control group.
    for (const { metadata } of items) {
      const group = `/sys/fs/cgroup/knarr-knarr/node1/kubepods/burstable/pod${metadata.uid}`;
      const programs = await guest.output(
        `for p in $(cat ${group}/*/cgroup.procs); do tr '\\0' ' ' </proc/$p/cmdline; done`,
      );
      expect(programs).toContain('/bin/httpd -f -p 8080');
    }
  });

  it('does it again in no time, with nothing to do', async () => {
    const before = await guest.output(inCheckout('./knarr kubectl get pods -o name'));
    const output = await knarr(guest, 'up');
    expect(output).toContain('prerequisites: all there');
    expect(await guest.output(inCheckout('./knarr kubectl get pods -o name'))).toBe(before);
  });

  it("holds a container to its limits, and its pod to their sum, also after systemd's own changes", async () => {
    await runPod(guest, {
      name: 'limited',
      command: 'while :; do :; done',
      resources: { limits: { cpu: '200m', memory: '64Mi' } },
    });
    await guest.output('systemctl daemon-reload && systemd-run --wait -p CPUQuota=50% true');
    const { metadata } = await podJson(guest, 'limited');
    const group = `/sys/fs/cgroup/knarr-knarr/node1/kubepods/pod${metadata.uid}`;
    const throttled = `grep nr_throttled ${group}/cpu.stat | cut -d' ' -f2`;
    expect(await guest.output(`cat ${group}/cpu.max ${group}/memory.max`)).toBe('20000 100000\n67108864');
    expect(await guest.output(`cat ${group}/*/cpu.max | sort -u`)).toContain('20000 100000');
    const before = Number(await guest.output(throttled));
    await guest.output('sleep 5');
    expect(Number(await guest.output(throttled))).toBeGreaterThan(before + 10);
  });

  it('says OOMKilled of a container that took too much memory', async () => {
    await runPod(guest, {
      name: 'greedy',
      command: 'exec tail /dev/zero',
      resources: { limits: { memory: '32Mi' } },
      until: 'jsonpath={.status.containerStatuses[0].state.terminated.reason}=OOMKilled',
    });
    const { status } = await podJson(guest, 'greedy');
    expect(status.containerStatuses[0]?.state.terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
    expect(status.phase).toBe('Failed');
  });

  it('is clean after ./knarr down --purge', async () => {
    await knarr(guest, 'down --purge');
    expect(await guest.output('ip netns list')).toBe('');
    expect(await guest.output('nft list tables')).not.toContain('knarr');
    expect(await guest.output('ls -d /sys/fs/cgroup/knarr* /var/lib/knarr 2>/dev/null; true')).toBe('');
    expect(await guest.output('grep knarr /proc/mounts | grep -v /opt/knarr; true')).toBe('');
    expect(
      await guest.output("ps -eo args | grep -E 'knarr|containerd-shim|catatonit' | grep -v -E 'grep|vm-agent'; true"),
    ).toBe('');
    expect(await guest.output('ip -o link')).not.toContain('kn0');
  });
});
