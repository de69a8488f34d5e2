import type { Pod } from '../../api/generated/types.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { ManifestFolder } from './manifest-folder.ts';
import type { MirrorPods } from './mirror-pods.ts';

export interface StaticPodsDeps {
  clock: Clock;
  log: Logger;
  mirrors: Pick<MirrorPods, 'added' | 'removed' | 'lastStatus'>;
  pods: { addStatic(pod: Pod): void; removeStatic(pod: Pod): void };
}

/**
 * Runs the pods of a folder of manifests, whatever the API says: what is put there runs, what is taken away ends. A file that
 * changes is another pod, which waits until the one before it is gone.
 */
export class StaticPods {
  readonly #deps: StaticPodsDeps;
  readonly #folder: ManifestFolder;
  /** By namespace and name: what the files say, and what is on the node. */
  readonly #wanted = new Map<string, Pod>();
  readonly #present = new Map<string, Pod>();

  constructor(deps: StaticPodsDeps, { folder, nodeName }: { folder: string; nodeName: string }) {
    this.#deps = deps;
    const { clock, log } = deps;
    const parse = async (text: string, file: string) => {
      // The rules of the API are only needed where there are such files.
      const { parse } = await import('yaml');
      const { staticPodOf } = await import('./manifest.ts');
      return staticPodOf(parse(text), { file, nodeName, nowMs: clock.now() });
    };
    this.#folder = new ManifestFolder({ clock, log, parse, changed: (pods) => this.#sync(pods) }, folder);
  }

  /** Runs what is there, before the runtime is compared with what should run. */
  async start(): Promise<void> {
    this.#folder.start();
    this.#sync(await this.#folder.read());
  }

  stop(): void {
    this.#folder.stop();
  }

  /** Nothing of the pod is left on the node. */
  finished(uid: string): void {
    for (const [name, pod] of this.#present) {
      if (pod.metadata.uid !== uid) continue;
      this.#present.delete(name);
      this.#deps.mirrors.removed(pod);
      this.#run(name);
    }
  }

  #sync(pods: readonly Pod[]): void {
    const wanted = new Map(pods.map((pod) => [nameOf(pod), pod]));
    this.#wanted.clear();
    for (const [name, pod] of wanted) this.#wanted.set(name, pod);
    for (const [name, pod] of this.#present)
      if (wanted.get(name)?.metadata.uid !== pod.metadata.uid) this.#deps.pods.removeStatic(pod);
    for (const name of wanted.keys()) this.#run(name);
  }

  #run(name: string): void {
    const pod = this.#wanted.get(name);
    if (!pod || this.#present.has(name)) return;
    this.#present.set(name, pod);
    const status = this.#deps.mirrors.lastStatus(pod);
    this.#deps.mirrors.added(pod);
    this.#deps.pods.addStatic(status ? { ...pod, status } : pod);
  }
}

const nameOf = (pod: Pod): string => keyText(keyOf(pod));
