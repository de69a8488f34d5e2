import { describe, expect, it } from 'vitest';
import { execRemoveFlows } from './flows.ts';
import { ServiceBook } from './service-book.ts';
import { testNode, testService, testSlice } from './service-fixtures.ts';

/** What is stale after the endpoints of a service changed. */
function changed(protocol: 'TCP' | 'UDP', from: string[], to: string[]) {
  const book = new ServiceBook(testNode);
  book.setService(testService('dns', { clusterIP: '10.96.0.30', ports: [{ port: 53, protocol }] }));
  book.setSlice(testSlice('dns', from));
  book.takeChanges();
  book.takeStaleFlows();
  book.setSlice(testSlice('dns', to));
  book.takeChanges();
  return book.takeStaleFlows();
}

describe('stale flows', () => {
  it('are those to an endpoint that went away', () => {
    expect(changed('UDP', ['10.244.0.1', '10.244.0.2'], ['10.244.0.2'])).toEqual([
      { address: '10.96.0.30', port: 53, endpoint: '10.244.0.1' },
    ]);
  });

  it('are all to a frontend that had no endpoints before', () => {
    expect(changed('UDP', [], ['10.244.0.1'])).toEqual([{ address: '10.96.0.30', port: 53 }]);
  });

  it('are not those of TCP', () => {
    expect(changed('TCP', ['10.244.0.1'], [])).toEqual([]);
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
