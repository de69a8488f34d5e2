import { describe, expect, it } from 'vitest';
import { buildLabelIn, quoted, renderBaseUnit, renderServiceUnit } from './units.ts';

const program = {
  command: ['/usr/bin/node', '/srv/my knarr/dist/knarr.js'],
  build: { version: '1.2.3', id: 'abcdef' },
  root: '/srv/my knarr',
};

describe('systemd units', () => {
  it('quote what systemd would read as something else', () => {
    expect(quoted('/usr/bin/node')).toBe('/usr/bin/node');
    expect(quoted('a b')).toBe('"a b"');
    expect(quoted('50%')).toBe('50%%');
    expect(quoted('$HOME')).toBe('$$HOME');
    expect(quoted('say "hi" \\ there')).toBe('"say \\"hi\\" \\\\ there"');
    expect(quoted('')).toBe('""');
  });

  it('have one unit for a cluster, which makes the network and ends the containers', () => {
    const text = renderBaseUnit({ cluster: 'one', home: '/srv/k', program, env: { KNARR_HOME: '/srv/k' } });
    expect(text).toContain('ExecStart=/usr/bin/node "/srv/my knarr/dist/knarr.js" boot --cluster one\n');
    expect(text).toContain('ExecStop=/usr/bin/node "/srv/my knarr/dist/knarr.js" halt --cluster one\n');
    expect(text).toContain('RequiresMountsFor=/srv/k "/srv/my knarr"\n');
    expect(text).toContain('WantedBy=multi-user.target');
    // Offline is no reason not to start.
    expect(text).not.toContain('Wants=network-online.target');
  });

  it('have one for each service, which goes with the cluster and leaves containers alone', () => {
    const service = {
      name: 'node-n1',
      command: [...program.command, 'node'],
      build: program.build,
      env: { PRICE: '5$ 10%' },
    };
    const text = renderServiceUnit({ cluster: 'one', service, after: ['knarr-server@one.service'] });
    expect(text).toContain('After=knarr@one.service knarr-server@one.service\n');
    expect(text).toContain('PartOf=knarr@one.service\n');
    expect(text).toContain('KillMode=process\n');
    expect(text).toContain('Environment="PRICE=5$ 10%%"\n');
    expect(buildLabelIn(text)).toBe('knarr 1.2.3 abcdef');
    expect(text).toContain('Type=notify\n');
    const other = (name: string) => renderServiceUnit({ cluster: 'one', service: { ...service, name }, after: [] });
    expect(other('server')).toContain('KillMode=mixed\n');
    // Debian's program says nothing of being ready: nobody may wait for it.
    expect(other('registry')).toContain('Type=exec\n');
  });
});
