import { stringify } from 'yaml';
import { events, pods, replicasets } from '../api/generated/resources.ts';
import type { Event, Pod } from '../api/generated/types.ts';
import { humanDuration } from '../api/meta/human-duration.ts';
import { groupResource, type KubeObject, keyOf, keyText, type Resource } from '../api/resource.ts';
import type { Client } from '../client/client.ts';

/** A wait was in vain. The message says what was waited for, what there is instead, and what happened last. */
export class WaitError extends Error {
  override readonly name = 'WaitError';
}

export interface WaitReport {
  resource: Resource;
  /** What was waited for. */
  what: string;
  waitedMs: number;
  /** What there is of it. */
  found: readonly KubeObject[];
  nowMs: number;
}

const maxObjects = 5;
const maxEvents = 10;
const maxPods = 10;

/** Looks around for what could explain it. Never rejects: the wait's own failure is what counts. */
export async function explainWait(client: Client, report: WaitReport): Promise<WaitError> {
  const { resource, what, waitedMs, found, nowMs } = report;
  const lines = [`waited ${humanDuration(waitedMs)} for ${what}`];
  if (found.length === 0) lines.push('', `there is no such object of ${groupResource(resource)}`);
  for (const object of found.slice(0, maxObjects)) lines.push('', ...describe(resource, object));
  if (found.length > maxObjects) lines.push('', `… and ${found.length - maxObjects} more`);
  try {
    const below = await podsBelow(client, found);
    if (below.length > 0) lines.push('', 'its pods:', ...below.slice(0, maxPods).map((pod) => `  ${podLine(pod)}`));
    const said = await eventsAbout(client, [...found, ...below]);
    lines.push(
      '',
      said.length > 0 ? 'last events:' : 'no events',
      ...said.map((event) => `  ${eventLine(event, nowMs)}`),
    );
  } catch (error) {
    lines.push('', `(nothing more is known: ${error instanceof Error ? error.message : String(error)})`);
  }
  return new WaitError(lines.join('\n'));
}

function describe(resource: Resource, object: KubeObject): string[] {
  const { status, metadata } = object as KubeObject & { status?: unknown };
  const going = metadata.deletionTimestamp ? `, being deleted since ${metadata.deletionTimestamp}` : '';
  const finalizers = metadata.finalizers?.length ? `, finalizers ${metadata.finalizers.join(', ')}` : '';
  const title = `${groupResource(resource)} ${keyText(keyOf(object))} is${going}${finalizers}:`;
  const text = status === undefined ? 'without a status' : stringify({ status }, { lineWidth: 0 }).trimEnd();
  return [title, ...text.split('\n').map((line) => `  ${line}`)];
}

/** Pods that it owns, directly or through a ReplicaSet. */
async function podsBelow(client: Client, found: readonly KubeObject[]): Promise<Pod[]> {
  const uids = new Set(found.map(({ metadata }) => metadata.uid));
  const isOwned = ({ metadata }: KubeObject) => metadata.ownerReferences?.some(({ uid }) => uids.has(uid)) ?? false;
  for (const set of (await client.list(replicasets)).items) if (isOwned(set)) uids.add(set.metadata.uid);
  return (await client.list(pods)).items.filter(isOwned);
}

/** `web-1 on node-1: Running, not ready: c is waiting: CrashLoopBackOff: back-off 10s …` */
function podLine({ metadata, spec, status }: Pod): string {
  const where = spec.nodeName ? `on ${spec.nodeName}` : 'without a node';
  const unmet =
    status?.conditions?.filter(({ status: is, type }) => is !== 'True' && type !== 'DisruptionTarget') ?? [];
  const waiting = (status?.containerStatuses ?? []).flatMap(({ name, state }) => {
    const { reason, message } = state?.waiting ?? state?.terminated ?? {};
    return reason
      ? [`${name} is ${state?.waiting ? 'waiting' : 'ended'}: ${reason}${message ? `: ${message}` : ''}`]
      : [];
  });
  const first = unmet.find(({ message }) => message);
  const why = waiting.length > 0 ? waiting : first ? [`${first.type}: ${first.message}`] : [];
  return [`${metadata.name} ${where}: ${status?.phase ?? 'no phase'}`, ...why].join(', ');
}

async function eventsAbout(client: Client, objects: readonly KubeObject[]): Promise<Event[]> {
  const uids = new Set(objects.map(({ metadata }) => metadata.uid));
  const all = (await client.list(events)).items.filter(({ involvedObject: { uid } }) => uids.has(uid));
  return all.toSorted((a, b) => (lastSeen(a) < lastSeen(b) ? -1 : 1)).slice(-maxEvents);
}

const lastSeen = (event: Event): string => event.lastTimestamp ?? event.eventTime ?? '';

function eventLine(event: Event, nowMs: number): string {
  const { type, reason, message, involvedObject, count = 1 } = event;
  const age = humanDuration(Math.max(nowMs - Date.parse(lastSeen(event)), 0));
  const times = count > 1 ? ` (×${count})` : '';
  return `${age} ago  ${type}  ${reason}  ${involvedObject.kind}/${involvedObject.name}: ${message}${times}`;
}
