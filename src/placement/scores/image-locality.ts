import { maxScore, type ScoreMaker } from '../filter.ts';

const mebibyte = 1024 * 1024;
/** Below it fetching is no matter; above it (per container) more does not weigh more. */
const smallBytes = 23 * mebibyte;
const largeBytes = 1000 * mebibyte;

/**
 * Prefers nodes that have the pod's images already. An image's size is scaled by the share of nodes that have it, so that
 * an image on one node does not pull every pod there.
 */
export const imageLocalityScore: ScoreMaker = (snapshot, { requirement }) => {
  const { images } = requirement;
  const present = images.map((image) => snapshot.images.sizes(image)).filter((sizes) => sizes !== undefined);
  if (present.length === 0) return undefined;
  const most = largeBytes * images.length;
  return (slots, count, scores) => {
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (const sizes of present) {
        sum += Math.trunc((sizes.get(slots[i] as number) ?? 0) * (sizes.size / snapshot.size));
      }
      const bounded = Math.min(Math.max(sum, smallBytes), most);
      scores[i] = Math.trunc((maxScore * (bounded - smallBytes)) / (most - smallBytes));
    }
  };
};
