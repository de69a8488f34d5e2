/** metav1.Time: RFC 3339 in whole seconds. */
export const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** metav1.MicroTime. */
export const microTimeText = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');
