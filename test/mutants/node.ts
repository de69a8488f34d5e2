import type { Mutant } from './mutant.ts';

const dispatcherTest = 'src/kubelet/pod-dispatcher.test.ts';
const probeTest = 'src/kubelet/probes/probe-machine.test.ts';
const statusTest = 'src/kubelet/status/pod-status.test.ts';
const slotsTest = 'src/proxy/slots.test.ts';
const rulesetTest = 'src/proxy/ruleset.test.ts';

export const node: Mutant[] = [
  {
    bug: 'pods are told of an MTU without room for the envelope of the tunnel',
    file: 'src/overlay/route-plan.ts',
    find: 'plan.mtu = mtu - tunnelOverhead;',
    replace: 'plan.mtu = mtu;',
    test: { file: 'src/overlay/overlay.test.ts', name: 'leads to a node elsewhere through a tunnel' },
  },
  {
    bug: 'one failure is enough for a probe',
    file: 'src/kubelet/probes/probe-machine.ts',
    find: ': (probe.failureThreshold ?? 3);',
    replace: ': 1;',
    test: { file: probeTest, name: 'needs failureThreshold failures in a row' },
  },
  {
    bug: 'a probe goes on after it has ended its container',
    file: 'src/kubelet/probes/probe-machine.ts',
    find: "next.isOver = endsContainer || (state.kind === 'startup' && input.isSuccess);",
    replace: '',
    test: { file: probeTest, name: 'says nothing more after it has ended its container' },
  },
  {
    bug: 'restarts are counted anew after the agent was',
    file: 'src/kubelet/worker/absorb-runtime.ts',
    find: 'statusOf(draft.state.pod, work.name)?.restartCount ?? 0, ...attempts',
    replace: '0',
    test: { file: dispatcherTest, name: 'goes on counting restarts' },
  },
  {
    bug: 'a start that the end of the agent interrupted counts as a failure',
    file: 'src/kubelet/worker/absorb-runtime.ts',
    find: "container.state === 'created' || (neverRan(container) && !reported.has(container.id));",
    replace: "container.state === 'created';",
    test: { file: dispatcherTest, name: 'starts anew what its own end interrupted' },
  },
  {
    bug: 'a failing liveness probe changes nothing',
    file: 'src/kubelet/worker/absorb-probe.ts',
    find: '  work.stopping = { id: input.id, graceSeconds };\n  draft.effects.push',
    replace: '  if (graceSeconds < 0) draft.effects.push',
    test: { file: dispatcherTest, name: 'restarts a container that fails its liveness probe' },
  },
  {
    bug: 'a status is written over what another wrote',
    file: 'src/kubelet/status-writer.ts',
    find: 'if (isPod(current)) entry.base = current;',
    replace: '',
    test: { file: 'src/kubelet/status-writer.test.ts', name: 'reads again and repeats after a conflict' },
  },
  {
    bug: 'what somebody else writes over a status stays',
    file: 'src/kubelet/status-writer.ts',
    find: '    this.#reassertSoon(entry);\n',
    replace: '',
    test: { file: 'src/kubelet/status-writer.test.ts', name: 'says it again a second later' },
  },
  {
    bug: 'a node does not notice that it was taken for lost',
    file: 'src/kubelet/node-status.ts',
    find: '    this.#informer.start();\n',
    replace: '',
    test: { file: 'src/kubelet/node-status.test.ts', name: 'says that it is there when it was taken for lost' },
  },
  {
    bug: 'a failed container that is made again counts as the end of its pod',
    file: 'src/kubelet/status/pod-phase.ts',
    find: '(work) => isAlive(work) || ',
    replace: '(work) => ',
    test: { file: statusTest, name: 'is Running while a container that failed is made again' },
  },
  {
    bug: 'container statuses stand as in the spec',
    file: 'src/kubelet/status/pod-status.ts',
    find: "byName(of('app'))",
    replace: "of('app')",
    test: { file: statusTest, name: 'containers stand in the order of their names' },
  },
  {
    bug: 'a folder whose name begins with dots counts as outside of the volume',
    file: 'src/kubelet/volumes/sub-path.ts',
    find: "inner === '..' || inner.startsWith('../')",
    replace: "inner.startsWith('..')",
    test: { file: 'src/kubelet/volumes/volumes.test.ts', name: 'mounts a file of a volume that mirrors an object' },
  },
  {
    bug: 'slots keep holes',
    file: 'src/proxy/slots.ts',
    find: 'slots[i] = slots.pop();',
    replace: "slots[i] = '';",
    test: { file: slotsTest, name: 'moves the last into a hole' },
  },
  {
    bug: 'a service without endpoints is not refused',
    file: 'src/proxy/ruleset.ts',
    find: "frontend.othersHaveEndpoints ? 'drop' : 'goto refuse'",
    replace: "'drop'",
    test: { file: rulesetTest, name: 'is refused at once without endpoints' },
  },
  {
    bug: 'a pod that reaches itself is not masqueraded',
    file: 'src/proxy/ruleset.ts',
    find: 'if (mayHairpin(endpoint, node))',
    replace: 'if (!mayHairpin(endpoint, node))',
    test: { file: rulesetTest, name: 'masquerades a pod that reaches itself' },
  },
  {
    bug: 'names are answered only in lower case',
    file: 'src/dns/answer.ts',
    find: 'question.name.toLowerCase()',
    replace: 'question.name',
    test: { file: 'src/dns/answer.test.ts', name: 'does not care for case' },
  },
  {
    bug: 'an answer without records has no SOA',
    file: 'src/dns/answer.ts',
    find: 'answers.length > 0 ? [] : [soa(lookup)]',
    replace: '[]',
    test: { file: 'src/dns/answer.test.ts', name: 'says how long there is nothing' },
  },
  {
    bug: 'certificates are not renewed before their end',
    file: 'src/pki/certificate.ts',
    find: '(notAfterMs - notBeforeMs) * fraction',
    replace: '0',
    test: { file: 'src/pki/pki.test.ts', name: 'renews leaves near their end' },
  },
  {
    bug: 'a bundle is trusted without the pin',
    file: 'src/pki/certificate.ts',
    find: '.find((pem) => caHash(pem) === hash.toLowerCase());',
    replace: '.at(0);',
    test: { file: 'src/pki/pki.test.ts', name: 'pin one CA of a bundle' },
  },
];
