import type { KubeObject } from '../../api/resource.ts';

/** The object that one of the annotations marks as default: of several the newest, of equally old ones the first by name. */
export function newestDefault<T extends KubeObject>(all: readonly T[], annotations: readonly string[]): T | undefined {
  const marked = all.filter(({ metadata }) => annotations.some((key) => metadata.annotations?.[key] === 'true'));
  return marked.sort((a, b) => {
    const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
    if (left !== right) return left > right ? -1 : 1;
    return a.metadata.name < b.metadata.name ? -1 : 1;
  })[0];
}
