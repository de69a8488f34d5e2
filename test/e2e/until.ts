import type { Kubectl } from './kubectl.ts';

/** Longer than anything that is waited for on a busy machine; what never comes fails with what there is instead. */
const limitMs = 180_000;

/**
 * The object as soon as it is so. It is watched, not asked for again and again: in a list, as a kubectl that watches one object
 * by its name keeps to itself what changes between its GET and the beginning of its watch.
 */
export async function until<T>(kubectl: Kubectl, name: string, is: (object: T) => boolean): Promise<T> {
  const [resource = '', called = ''] = name.split('/');
  const watch = kubectl.start(['get', resource, `--field-selector=metadata.name=${called}`, '-o', 'json', '--watch']);
  const timer = setTimeout(() => void watch.stop(), limitMs);
  let last = '';
  try {
    for (;;) {
      const [document, rest] = firstDocument(watch.stdout.slice(last.length)) ?? [];
      if (document === undefined) {
        if (watch.hasEnded) throw new Error(await whatIs(kubectl, name, { is, heard: last + watch.stderr }));
        await watch.more();
        continue;
      }
      last = watch.stdout.slice(0, watch.stdout.length - (rest?.length ?? 0));
      const said = JSON.parse(document) as T & { kind: string; items: T[] };
      const object = (said.kind === 'List' ? said.items : [said as T]).find(is);
      if (object) return object;
    }
  } finally {
    clearTimeout(timer);
    await watch.stop();
  }
}

/** Why it was never so: the object is not, or the watch has not said it. */
async function whatIs<T>(
  kubectl: Kubectl,
  name: string,
  { is, heard }: { is: (object: T) => boolean; heard: string },
): Promise<string> {
  const now = await kubectl.object<T>(name).catch(() => undefined);
  const why = now && is(now) ? 'is so, but its watch never said it' : 'was never so';
  return `${name} ${why}: ${heard.slice(-4000)}`;
}

/** kubectl writes indented objects one after the other: the first one, and what follows. */
function firstDocument(text: string): [document: string, rest: string] | undefined {
  const end = text.indexOf('\n}\n');
  return end < 0 ? undefined : [text.slice(0, end + 2), text.slice(end + 3)];
}
