import type { Pod, Toleration } from '../../api/generated/types.ts';
import { definePlugin } from './plugin.ts';

const tolerationSeconds = 300;

/** Pods stay five minutes on a node that is not ready or not reachable, unless they say otherwise. */
export const defaultTolerationSeconds = definePlugin<Pod>({
  name: 'DefaultTolerationSeconds',
  verbs: ['create', 'update'],
  resources: ['pods'],
  admit({ object }) {
    const { spec } = object as Pod;
    const given = spec.tolerations ?? [];
    const missing = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].filter(
      (key) => !given.some((toleration) => tolerates(toleration, key)),
    );
    if (missing.length === 0) return;
    const added = missing.map(
      (key): Toleration => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds }),
    );
    spec.tolerations = [...given, ...added];
  },
});

const tolerates = ({ key, effect }: Toleration, taint: string): boolean =>
  (!key || key === taint) && (!effect || effect === 'NoExecute');
