import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../../src/base/clock.ts';
import { shellSupervision } from '../../src/cluster/supervision.ts';
import { supervisionContract } from '../../src/cluster/supervision.contract.ts';
import { SystemdSupervision } from '../../src/cluster/systemd/systemd-supervision.ts';
import { baseUnit, renderBaseUnit } from '../../src/cluster/systemd/units.ts';
import { runCommand } from '../../src/host/command.ts';

const deps = { clock: realClock, run: runCommand };

supervisionContract('shell loop', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'knarr-supervision-'));
  return {
    supervision: shellSupervision(deps, { runDir: join(dir, 'run'), logDir: join(dir, 'log') }),
    close: () => rm(dir, { recursive: true }),
  };
});

// On a machine that systemd runs, as the guests of test/vm.
if (existsSync('/run/systemd/system')) {
  supervisionContract('systemd', async () => {
    const cluster = `t${process.pid}`;
    const supervision = new SystemdSupervision(deps, { name: cluster });
    const program = { command: ['/bin/true'], build: { version: '1.0.0', id: 'aaaa' }, root: '/' };
    await supervision.writeUnit(baseUnit(cluster), renderBaseUnit({ cluster, home: '/', program, env: {} }));
    return { supervision, close: () => supervision.finish({ forget: true }) };
  });
}
