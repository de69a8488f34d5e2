import { describe, expect, it } from 'vitest';
import { execRemoveFlows, staleFlows } from './flows.ts';
import { render } from './ruleset.ts';
import { testNode, testService, testSlice } from './service-fixtures.ts';

const of = (protocol: 'TCP' | 'UDP', addresses: string[]) => {
  const ports = [{ port: 53, protocol }];
  const services = [testService('dns', { clusterIP: '10.96.0.30', ports })];
  return render({ services, endpointSlices: [testSlice('dns', addresses)] }, testNode);
};

describe('staleFlows', () => {
  it('names flows to an endpoint that went away', () => {
    expect(staleFlows(of('UDP', ['10.244.0.1', '10.244.0.2']), of('UDP', ['10.244.0.2']))).toEqual([
      { address: '10.96.0.30', port: 53, endpoint: '10.244.0.1' },
    ]);
  });

  it('names all flows to a frontend that had no endpoints before', () => {
    expect(staleFlows(of('UDP', []), of('UDP', ['10.244.0.1']))).toEqual([{ address: '10.96.0.30', port: 53 }]);
  });

  it('leaves TCP alone', () => {
    expect(staleFlows(of('TCP', ['10.244.0.1']), of('TCP', []))).toEqual([]);
  });

  it('asks conntrack for exactly these', async () => {
    const asked: string[] = [];
    const removeFlows = execRemoveFlows({
      run: async ({ program, args }) => {
        asked.push([program, ...args].join(' '));
        return { exitCode: 1, stdout: '', stderr: '' };
      },
    });
    await removeFlows([
      { address: '10.96.0.30', port: 53, endpoint: '10.244.0.1' },
      { address: '10.96.0.30', port: 53 },
    ]);
    expect(asked).toEqual([
      'conntrack -D -p udp --orig-dst 10.96.0.30 --orig-port-dst 53 --dst-nat 10.244.0.1',
      'conntrack -D -p udp --orig-dst 10.96.0.30 --orig-port-dst 53',
    ]);
  });
});
