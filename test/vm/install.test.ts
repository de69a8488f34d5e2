import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterJson, expectContract, inCheckout, knarr } from './cluster-in-guest.ts';
import { freshDisks, Guest, type GuestDisks, removeDisks } from './guest.ts';

// A cluster that systemd runs: it starts with the machine, and stops with it.
describe('knarr install', () => {
  let disks: GuestDisks;
  let guest: Guest;
  beforeAll(async () => {
    disks = await freshDisks();
    guest = await Guest.boot({ disks });
  });
  afterAll(async () => {
    await guest?.cutPower();
    if (disks) await removeDisks(disks);
  });

  const units = ['knarr@knarr', 'knarr-server@knarr', 'knarr-node-node1@knarr'];
  /** What must be the same after anything: names and identities of pods, addresses of services and nodes. */
  const identities = async () => {
    const { items } = await clusterJson<{
      items: {
        kind: string;
        metadata: { name: string; uid: string };
        spec: { clusterIP?: string; podCIDR?: string };
      }[];
    }>(guest, 'get nodes,services,deployments,pods');
    return items.map(({ kind, metadata, spec }) =>
      [kind, metadata.name, metadata.uid, spec.clusterIP ?? spec.podCIDR].join(' '),
    );
  };
  const mainPid = (unit: string) => guest.output(`systemctl show --property=MainPID --value ${unit}`);
  /** The first process of each web server: it has children of its own while it answers. */
  const demoPids = () =>
    guest.output('ps -eo pid,args | awk \'$2 == "/catatonit" && $3 == "--" {print $1}\' | sort -n');
  /** Three web servers, ready, and answering by the name of their service. */
  const demoAnswers = () =>
    guest.until(
      inCheckout(
        './knarr kubectl rollout status deployment demo --timeout=10s && ' +
          './knarr kubectl exec deployment/demo -- timeout 10 wget -qO- http://demo.default.svc.cluster.local/',
      ),
    );

  it('keeps services as the contract says', async () => {
    await expectContract(guest, 'test/integration/supervision.test.ts', 'supervision contract: systemd');
    expect(await guest.output('ls /etc/systemd/system | grep knarr; true')).toBe('');
  });

  it('takes over a cluster that runs, without touching its containers', async () => {
    await knarr(guest, 'up --no-kubeconfig');
    const before = await demoPids();
    expect(before.split('\n')).toHaveLength(3);
    const output = await knarr(guest, 'install');
    expect(output).toContain('systemctl status');
    expect(await demoPids()).toBe(before);
    for (const unit of units) {
      expect(await guest.output(`systemctl is-active ${unit}; systemctl is-enabled ${unit}`)).toBe('active\nenabled');
    }
    const verdict = await guest.run(`systemd-analyze verify ${units.map((unit) => `${unit}.service`).join(' ')} 2>&1`);
    expect(verdict.output.split('\n').filter((line) => line.includes('knarr'))).toEqual([]);
    expect(await guest.output('ps -eo args')).not.toContain('knarr-run');
  });

  it('tells systemd how it is, and writes to its journal', async () => {
    const status = await guest.output('systemctl --no-pager status knarr-server@knarr');
    expect(status).toContain('Active: active (running)');
    expect(status).toContain('Status: "serving on port 6443"');
    expect(await guest.output('systemctl --no-pager status knarr-node-node1@knarr')).toContain(
      'Status: "node node1 of',
    );
    expect(await guest.output('journalctl --no-pager -o cat -u knarr-server@knarr')).toContain('"msg":"serving"');
    expect(await guest.output(inCheckout('./knarr status'))).toContain('cluster knarr: healthy');
  });

  it('does nothing the second time', async () => {
    const before = await Promise.all([mainPid(units[1] as string), mainPid(units[2] as string)]);
    expect(await knarr(guest, 'up --no-kubeconfig')).toContain('runs already');
    await knarr(guest, 'install');
    expect(await Promise.all([mainPid(units[1] as string), mainPid(units[2] as string)])).toEqual(before);
  });

  it('brings back a killed server and a killed agent, containers untouched', async () => {
    const before = await demoPids();
    for (const unit of units.slice(1)) {
      const pid = await mainPid(unit);
      await guest.output(`kill -9 ${pid}`);
      await guest.until(
        `now=$(systemctl show --property=MainPID --value ${unit}); [ "$now" != 0 ] && [ "$now" != ${pid} ]`,
      );
    }
    await guest.output(`systemctl restart ${units[2]}`);
    await guest.until(inCheckout('./knarr status'));
    expect(await demoPids()).toBe(before);
  });

  it('brings the same cluster back after a reboot, by itself', async () => {
    const before = await identities();
    const began = Date.now();
    await guest.reboot();
    console.log(`rebooted after ${Math.round((Date.now() - began) / 1000)} s`);
    await guest.until(inCheckout('./knarr status'));
    console.log(`healthy after ${Math.round((Date.now() - began) / 1000)} s`);
    expect(await demoAnswers()).toContain('demo-');
    expect(await identities()).toEqual(before);
    expect(await guest.output('systemctl --failed --no-legend')).toBe('');
    // The shutdown was in order: nothing had to be killed.
    const last = await guest.output("journalctl --no-pager -o cat -b -1 -u '*@knarr'; true");
    expect(last).not.toMatch(/timed out|Failed with result/);
  });

  it('is stopped and started as a whole', async () => {
    await guest.output('systemctl stop knarr@knarr');
    expect(await guest.output("ps -eo args | grep -E '[h]ttpd -f|[c]ontainerd-shim'; true")).toBe('');
    expect(await guest.output('ip netns list')).toBe('');
    await guest.output('systemctl start knarr@knarr');
    await guest.until(inCheckout('./knarr status'));
    expect(await demoAnswers()).toContain('demo-');
  });

  it('goes again with knarr uninstall, and up brings the same cluster back without it', async () => {
    const before = await identities();
    await knarr(guest, 'uninstall');
    expect(await guest.output('find /etc/systemd /run/systemd -name "knarr*"')).toBe('');
    expect(await guest.output("systemctl list-units --all --no-legend 'knarr*'")).toBe('');
    expect(await guest.output("ps -eo args | grep -E 'dist/knarr[.]js|[h]ttpd -f|[c]ontainerd-shim'; true")).toBe('');
    await knarr(guest, 'up --no-kubeconfig');
    expect(await identities()).toEqual(before);
    expect(await demoAnswers()).toContain('demo-');
    await knarr(guest, 'down --purge');
  });
});
