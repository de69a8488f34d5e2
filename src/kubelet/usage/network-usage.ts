/** Counters of one network interface since it was made. */
export interface InterfaceUsage {
  name: string;
  rxBytes: number;
  rxPackets: number;
  rxErrors: number;
  rxDropped: number;
  txBytes: number;
  txPackets: number;
  txErrors: number;
  txDropped: number;
}

/** `/proc/<pid>/net/dev`, without the loopback. */
export const interfacesOf = (text: string): InterfaceUsage[] =>
  text.split('\n').flatMap((line) => {
    const [, name, figures] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    if (!name || figures === undefined || name === 'lo') return [];
    const values = figures.trim().split(/\s+/).map(Number);
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0] = values;
    const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = values.slice(8);
    return [{ name, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }];
  });

/** The interface that stands for all of a pod or node. */
export const mainInterface = (interfaces: readonly InterfaceUsage[]): InterfaceUsage | undefined =>
  interfaces.find(({ name }) => name === 'eth0') ?? interfaces[0];
