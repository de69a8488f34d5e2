import { parseJson } from '../base/lossless-json.ts';
import type { Status } from '../api/generated/types.ts';
import { StatusError } from '../api/meta/status-error.ts';
import type { WatchEvent } from './client.ts';

/** A line longer than this ends the watch: no object comes near it. */
const maxLineBytes = 1 << 26;

/** Turns the bytes of a watch (one JSON event a line) into events. An ERROR event is the last. */
export class WatchDecoder {
  #rest: Buffer[] = [];
  #restBytes = 0;

  push(chunk: Buffer): { events: WatchEvent[]; error?: StatusError } {
    const events: WatchEvent[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = this.#take(chunk.subarray(start, end));
      start = end + 1;
      if (line === '') continue;
      const event = parseJson(line) as WatchEvent | { type: 'ERROR'; object: Status };
      if (event.type === 'ERROR') return { events, error: new StatusError(event.object) };
      events.push(event);
    }
    this.#rest.push(chunk.subarray(start));
    this.#restBytes += chunk.length - start;
    if (this.#restBytes <= maxLineBytes) return { events };
    return { events, error: StatusError.of('RequestEntityTooLarge', `a watch event is over ${maxLineBytes} bytes`) };
  }

  #take(piece: Buffer): string {
    if (this.#restBytes === 0) return piece.toString('utf8');
    const line = Buffer.concat([...this.#rest, piece]).toString('utf8');
    this.#rest = [];
    this.#restBytes = 0;
    return line;
  }
}
