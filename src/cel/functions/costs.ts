/** What it costs to go through a text of this size (cel-go's string traversal factor). */
export const traversed = (size: number): number => Math.ceil(size * 0.1);

/** The smaller of two values has to be gone through. */
export const smaller = (a: number, b: number): number => Math.max(0, traversed(Math.min(a, b)) - 1);

/** A text is gone through for every place in another. */
export const searched = (text: number, part: number): number => traversed(text) * Math.max(1, traversed(part));

/** A regular expression: its size counts a quarter for each character of the text. */
export const matched = (text: number, expression: number): number =>
  Math.ceil((text + 1) * 0.1) * Math.ceil(Math.max(1, expression) * 0.25);
