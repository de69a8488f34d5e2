/** RFC 3339 with whole seconds, as the API writes times. Milliseconds since the epoch in. */
export const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** RFC 3339 with microseconds (metav1.MicroTime). */
export const microTimeText = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');
