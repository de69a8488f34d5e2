import { describe, expect, it } from 'vitest';
import { applyDefaults } from '../schema/defaults.ts';
import { schema } from '../schema/schema.ts';
import type { KubeObject } from '../resource.ts';
import { validationRules } from './rules.ts';

const core = 'io.k8s.api.core.v1.';
const apps = 'io.k8s.api.apps.v1.';

// biome-ignore lint/suspicious/noExplicitAny: tests change members of many kinds
type Change = (object: any) => void;

/** Whether and why an update is refused; without the difference that some refusals show. */
function updated(resource: string, type: string, old: unknown, change: Change): string[] {
  const made = (value: unknown) => applyDefaults(type, schema.codecFor(type).decode(value).object) as KubeObject;
  const before = made(old);
  const after = structuredClone(before);
  change(after);
  const rules = validationRules[resource];
  return (rules?.validateUpdate?.(made(after), before) ?? []).map(
    (e) => `${e.type} ${e.field}: ${e.message}`.split('\n')[0] as string,
  );
}

const container = { name: 'c', image: 'a:1' };
const pod = {
  metadata: { name: 'x' },
  spec: { containers: [container], activeDeadlineSeconds: 10, tolerations: [{ key: 'a', operator: 'Exists' }] },
};
const podUpdate = (change: Change, old: object = pod) => updated('pods', `${core}Pod`, old, change);
const fixed =
  'FieldValueForbidden spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

describe('pod updates', () => {
  it('take images, a nearer deadline and further tolerations', () => {
    expect(podUpdate((p) => (p.spec.containers[0].image = 'b:2'))).toEqual([]);
    expect(podUpdate((p) => (p.spec.activeDeadlineSeconds = 5))).toEqual([]);
    expect(podUpdate((p) => p.spec.tolerations.push({ key: 'b', operator: 'Exists' }))).toEqual([]);
  });

  it('take nothing else', () => {
    expect(podUpdate((p) => (p.spec.nodeName = 'n'))).toEqual([fixed]);
    expect(podUpdate((p) => (p.spec.containers[0].command = ['x']))).toEqual([fixed]);
    expect(podUpdate((p) => p.spec.containers.push({ name: 'd', image: 'a:1' }))).toEqual([
      'FieldValueForbidden spec.containers: Forbidden: pod updates may not add or remove containers',
    ]);
    expect(podUpdate((p) => (p.spec.activeDeadlineSeconds = 20))).toEqual([
      'FieldValueInvalid spec.activeDeadlineSeconds: Invalid value: 20: must be less than or equal to previous value',
    ]);
    expect(podUpdate((p) => (p.spec.tolerations = []))).toEqual([
      'FieldValueForbidden spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    ]);
  });

  it('take node selectors while gated', () => {
    const gated = { ...pod, spec: { ...pod.spec, schedulingGates: [{ name: 'a/b' }] } };
    expect(podUpdate((p) => (p.spec.nodeSelector = { a: 'b' }), gated)).toEqual([]);
    expect(podUpdate((p) => delete p.spec.schedulingGates, gated)).toEqual([]);
    expect(podUpdate((p) => (p.spec.schedulingGates = [{ name: 'a/c' }]), gated)).toHaveLength(1);
    expect(podUpdate((p) => (p.spec.nodeSelector = { a: 'b' }))).toEqual([fixed]);
  });

  it('cannot bring an ended container back', () => {
    const status = (state: object) => ({
      containerStatuses: [{ name: 'c', state, image: '', imageID: '', ready: false, restartCount: 0 }],
    });
    const once = { ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } };
    const check = validationRules.pods?.validateStatusUpdate;
    const ended = { ...once, status: status({ terminated: { exitCode: 0 } }) };
    const running = { ...once, status: status({ running: {} }) };
    expect(check?.(running, ended).map((e) => e.field)).toEqual(['status.containerStatuses[0].state']);
    expect(check?.(ended, running)).toEqual([]);
  });

  it('bring ended containers back where a rule may restart all of them, or their own', () => {
    const state = (states: object) => ({ image: '', imageID: '', ready: false, restartCount: 0, state: states });
    const status = (states: object) => ({
      initContainerStatuses: [{ name: 'i', ...state(states) }],
      containerStatuses: [{ name: 'c', ...state(states) }],
    });
    const check = (rules: object, ofInit: object = {}) => {
      const init = { name: 'i', image: 'a:1', ...ofInit };
      const spec = {
        ...pod.spec,
        restartPolicy: 'Never',
        initContainers: [init],
        containers: [{ ...container, ...rules }],
      };
      const ended = { ...pod, spec, status: status({ terminated: { exitCode: 0 } }) };
      const waiting = { ...pod, spec, status: status({ waiting: {} }) };
      return validationRules.pods?.validateStatusUpdate?.(waiting, ended).map((e) => e.field);
    };
    const rulesOf = (action: string) => ({
      restartPolicy: 'Never',
      restartPolicyRules: [{ action, exitCodes: { operator: 'In', values: [1] } }],
    });
    expect(check(rulesOf('RestartAllContainers'))).toEqual([]);
    expect(check(rulesOf('Restart'))).toEqual(['status.initContainerStatuses[0].state']);
    expect(check(rulesOf('Restart'), rulesOf('Restart'))).toEqual([]);
  });
});

const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [container] } };
const workload = {
  metadata: { name: 'x' },
  spec: { selector: { matchLabels: { app: 'a' } }, template, serviceName: 's' },
};
const immutableSelector =
  'FieldValueInvalid spec.selector: Invalid value: {"matchLabels":{"app":"a","z":"y"}}: field is immutable';

it('rules of restarts are taken, also of sidecars', () => {
  const restartPolicyRules = ['Restart', 'RestartAllContainers'].map((action) => ({
    action,
    exitCodes: { operator: 'NotIn', values: [0] },
  }));
  const ruled = (name: string, restartPolicy: string) => ({ ...container, name, restartPolicy, restartPolicyRules });
  const spec = { containers: [ruled('c', 'Never')], initContainers: [ruled('i', 'OnFailure'), ruled('s', 'Always')] };
  const type = `${core}Pod`;
  const { object } = schema.codecFor(type).decode({ metadata: { name: 'x', namespace: 'd' }, spec });
  expect(validationRules.pods?.validate?.(applyDefaults(type, object) as KubeObject)).toEqual([]);
});

describe('other updates', () => {
  it.each(['Deployment', 'ReplicaSet', 'DaemonSet'])('%s keeps its selector', (kind) => {
    const change: Change = (o) => (o.spec.selector.matchLabels.z = 'y');
    expect(updated(`${kind.toLowerCase()}s.apps`, apps + kind, workload, change)).toEqual([immutableSelector]);
  });

  it('StatefulSet changes only some of its spec', () => {
    const update = (change: Change) => updated('statefulsets.apps', `${apps}StatefulSet`, workload, change);
    expect(update((o) => (o.spec.replicas = 3))).toEqual([]);
    expect(update((o) => (o.spec.serviceName = 't'))).toEqual([
      "FieldValueForbidden spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ]);
  });

  it('Service keeps its addresses', () => {
    const service = {
      metadata: { name: 'x' },
      spec: { ports: [{ port: 80 }], clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5'] },
    };
    const update = (change: Change) => updated('services', `${core}Service`, service, change);
    expect(update((o) => (o.spec.ports[0].port = 81))).toEqual([]);
    expect(update((o) => Object.assign(o.spec, { clusterIP: '10.96.77.9', clusterIPs: ['10.96.77.9'] }))).toEqual([
      'FieldValueInvalid spec.clusterIPs[0]: Invalid value: ["10.96.77.9"]: may not change once set',
    ]);
    expect(update((o) => Object.assign(o.spec, { clusterIP: undefined, clusterIPs: undefined }))).toEqual([
      'FieldValueInvalid spec.clusterIPs[0]: Invalid value: null: primary clusterIP can not be unset',
    ]);
  });

  it('immutable ConfigMaps and Secrets stay so', () => {
    const config = { metadata: { name: 'x' }, immutable: true, data: { a: 'b' } };
    const update = (change: Change) => updated('configmaps', `${core}ConfigMap`, config, change);
    const text = 'Forbidden: field is immutable when `immutable` is set';
    expect(update((o) => (o.data.a = 'c'))).toEqual([`FieldValueForbidden data: ${text}`]);
    expect(update((o) => delete o.immutable)).toEqual([`FieldValueForbidden immutable: ${text}`]);
    expect(updated('secrets', `${core}Secret`, { metadata: { name: 'x' } }, (o) => (o.type = 'x'))).toEqual([
      'FieldValueInvalid type: Invalid value: "x": field is immutable',
    ]);
  });

  it('a claim grows only when bound and never shrinks', () => {
    const claim = (phase: string) => ({
      metadata: { name: 'x' },
      spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'a', resources: { requests: { storage: '2Gi' } } },
      status: { phase, capacity: { storage: '2Gi' } },
    });
    const update = (phase: string, change: Change) =>
      updated('persistentvolumeclaims', `${core}PersistentVolumeClaim`, claim(phase), change);
    const size =
      (storage: string): Change =>
      (o) =>
        (o.spec.resources.requests.storage = storage);
    expect(update('Bound', size('3Gi'))).toEqual([]);
    expect(update('Bound', size('1Gi'))).toEqual([
      'FieldValueForbidden spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
    ]);
    expect(update('Pending', size('3Gi'))).toHaveLength(1);
    expect(update('Pending', (o) => (o.spec.volumeName = 'v'))).toEqual([]);
    expect(update('Bound', (o) => (o.spec.storageClassName = 'b'))).toHaveLength(1);
  });

  it('a binding keeps its role, a node its addresses, a job its template', () => {
    const rbac = 'io.k8s.api.rbac.v1.RoleBinding';
    const binding = {
      metadata: { name: 'x' },
      roleRef: { kind: 'Role', name: 'r', apiGroup: 'rbac.authorization.k8s.io' },
    };
    expect(updated('rolebindings.rbac.authorization.k8s.io', rbac, binding, (o) => (o.roleRef.name = 'other'))).toEqual(
      [
        'FieldValueInvalid roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"other"}: cannot change roleRef',
      ],
    );
    const node = { metadata: { name: 'x' }, spec: { podCIDR: '10.1.0.0/24' } };
    expect(
      updated('nodes', `${core}Node`, node, (o) =>
        Object.assign(o.spec, { podCIDR: '10.2.0.0/24', podCIDRs: ['10.2.0.0/24'] }),
      ),
    ).toEqual([
      'FieldValueForbidden spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    ]);
    const job = {
      metadata: { name: 'x' },
      spec: { template: { spec: { containers: [container], restartPolicy: 'Never' } } },
    };
    const jobUpdate = (change: Change, old: object = job) =>
      updated('jobs.batch', 'io.k8s.api.batch.v1.Job', old, change);
    expect(jobUpdate((o) => (o.spec.completions = 5))).toEqual([
      'FieldValueInvalid spec.completions: Invalid value: 5: field is immutable',
    ]);
    expect(jobUpdate((o) => (o.spec.parallelism = 5))).toEqual([]);
    expect(jobUpdate((o) => (o.spec.template.spec.nodeSelector = { a: 'b' }))).toHaveLength(1);
    const suspended = { ...job, spec: { ...job.spec, suspend: true } };
    expect(jobUpdate((o) => (o.spec.template.spec.nodeSelector = { a: 'b' }), suspended)).toEqual([]);
    // Who manages jobs elsewhere may keep the time of their start.
    const conditions = [{ type: 'Suspended', status: 'True' }];
    const paused = (status: object) => ({ ...suspended, status: { startTime: '2026-01-01T00:00:00Z', ...status } });
    const moved = (status: object) =>
      jobUpdate((o) => (o.spec.template.spec.nodeSelector = { a: 'b' }), paused(status)).length;
    expect([moved({}), moved({ conditions, active: 1 }), moved({ conditions })]).toEqual([1, 1, 0]);
  });
});
