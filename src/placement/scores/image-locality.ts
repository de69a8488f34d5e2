import { maxScore, type NodeScore } from './node-score.ts';

const mebibyte = 1024 * 1024;
/** Below it fetching is no matter; above it (per container) more does not weigh more. */
const smallBytes = 23 * mebibyte;
const largeBytes = 1000 * mebibyte;

/**
 * Prefers nodes that have the pod's images already. An image's size is scaled by the share of nodes that have it, so that
 * an image on one node does not pull every pod there.
 */
export const imageLocality: NodeScore = {
  local: true,
  prepare({ snapshot, requirement }) {
    const { images } = requirement;
    const present = images.map((image) => snapshot.images.sizes(image)).filter((sizes) => sizes !== undefined);
    if (present.length === 0) return undefined;
    const most = largeBytes * images.length;
    return (slot) => {
      let sum = 0;
      for (const sizes of present) sum += Math.trunc((sizes.get(slot) ?? 0) * (sizes.size / snapshot.size));
      const bounded = Math.min(Math.max(sum, smallBytes), most);
      return Math.trunc((maxScore * (bounded - smallBytes)) / (most - smallBytes));
    };
  },
};
