/**
 * Room for what is read at a start: pieces of slabs, since a hundred thousand buffers of their own take longer to make, and to
 * look after, than their content takes to read. A slab goes when the last of its pieces does, so it is small: what was written
 * about the same time mostly goes together.
 */
const slabBytes = 64 * 2 ** 10;

/** Larger ones get room of their own. */
const pieceBytes = slabBytes / 8;

export type Copy = (bytes: Buffer) => Buffer;

/** A copy off the JavaScript heap with nothing beside it. */
export const ownCopy: Copy = (bytes) => {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
};

/** Copies that share slabs. */
export function slabCopies(): Copy {
  let slab = Buffer.alloc(0);
  let used = 0;
  return (bytes) => {
    if (bytes.length > pieceBytes) return ownCopy(bytes);
    if (used + bytes.length > slab.length) {
      slab = Buffer.allocUnsafeSlow(slabBytes);
      used = 0;
    }
    const piece = slab.subarray(used, used + bytes.length);
    bytes.copy(piece);
    used += bytes.length;
    return piece;
  };
}
