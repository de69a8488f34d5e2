import { StatusError } from '../api/meta/status-error.ts';
import type { ApiServer } from '../apiserver/api-server.ts';
import type { UserInfo } from '../apiserver/authn/user-info.ts';
import type { WatchSink } from '../client/client.ts';
import type { ApiCall, Transport } from '../client/transport.ts';

interface OpenWatch {
  user: string;
  sink: WatchSink;
  handle: { stop(): void };
}

const unavailable = (message: string): StatusError => StatusError.of('ServiceUnavailable', message);

/** Connects clients with the API server of the day: a client stays when the server goes, and finds the next one. */
export class Switchboard {
  #server: ApiServer | undefined;
  /** Counts servers, so that a client knows when its transport is of one that is gone. */
  #generation = 0;
  readonly #watches = new Set<OpenWatch>();

  connect(server: ApiServer): void {
    this.#server = server;
    this.#generation++;
  }

  /** Nobody answers from here on; watches end as when a connection breaks, unless the caller ends them later. */
  disconnect({ keepWatches = false } = {}): void {
    this.#server = undefined;
    if (!keepWatches) this.cutWatches(() => true, unavailable('the API server went away'));
  }

  /** Ends the watches of some users. */
  cutWatches(isMeant: (user: string) => boolean, error: StatusError): void {
    for (const watch of [...this.#watches]) {
      if (!isMeant(watch.user)) continue;
      watch.handle.stop();
      this.#watches.delete(watch);
      watch.sink.end(error);
    }
  }

  transportFor(user: UserInfo, userAgent: string): Transport {
    let mine: { transport: Transport; generation: number } | undefined;
    const current = (): Transport => {
      if (!this.#server) throw unavailable('there is no API server');
      if (mine?.generation !== this.#generation) {
        mine = { transport: this.#server.transportFor(user, userAgent), generation: this.#generation };
      }
      return mine.transport;
    };
    return {
      // Always a promise, whatever the state.
      call: async (call: ApiCall) => current().call(call),
      watch: (call, sink) => this.#watch(user.name, { sink, open: (inner) => current().watch(call, inner) }),
    };
  }

  #watch(user: string, { sink, open }: { sink: WatchSink; open: (sink: WatchSink) => { stop(): void } }) {
    const watch: OpenWatch = { user, sink, handle: { stop() {} } };
    const ended: WatchSink = {
      events: (batch) => sink.events(batch),
      end: (error) => {
        this.#watches.delete(watch);
        sink.end(error);
      },
    };
    this.#watches.add(watch);
    try {
      watch.handle = open(ended);
    } catch (error) {
      // Never within the call: the caller has no handle yet.
      void Promise.resolve().then(() => this.#watches.has(watch) && ended.end(error));
    }
    return {
      stop: () => {
        this.#watches.delete(watch);
        watch.handle.stop();
      },
    };
  }
}
