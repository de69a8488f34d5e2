import { badRequest, internalError, StatusError } from '../../api/meta/status-error.ts';
import type { Attributes } from '../authz/attributes.ts';
import type { HeaderLists } from './authenticator.ts';
import {
  type Acting,
  type Attempt,
  ClassicMode,
  constrainedModes,
  type Mode,
  type ModeDeps,
} from './impersonation-modes.ts';
import { extrasOf } from './request-header.ts';
import type { UserInfo } from './user-info.ts';

const extraPrefix = 'impersonate-extra-';
/** Users whose way is remembered, as many as upstream remembers. */
const maxRemembered = 10_000;

/**
 * Acts as somebody else when the headers ask for it. The constrained modes (KEP-5284) are tried before the classic verb
 * `impersonate`; who got through in one mode is tried in it first the next time, so that the classic way costs no more than
 * it always did.
 */
export class Impersonation {
  readonly #deps: ModeDeps;
  readonly #modes: readonly Mode[];
  readonly #lastModes = new Map<string, Mode>();

  constructor(deps: ModeDeps) {
    this.#deps = deps;
    this.#modes = [...constrainedModes(deps), new ClassicMode(deps)];
  }

  /**
   * As whom `sender` acts in a request; undefined: as himself, without such headers. Rejects with Forbidden where he may not,
   * in the words of the first mode that was tried.
   */
  actingAs(sender: UserInfo, headers: HeaderLists, request: () => Attributes): Promise<Acting> | undefined {
    const wanted = wantedUser(headers);
    return wanted && this.#counted({ requestor: sender, wanted, request: request() });
  }

  async #counted(attempt: Attempt): Promise<Acting> {
    const { clock, metrics } = this.#deps;
    const beganMs = clock.now();
    const seconds = () => (clock.now() - beganMs) / 1000;
    try {
      const { mode, acting } = await this.#tried(attempt);
      metrics.attempted(mode.name, 'allowed', seconds());
      return acting;
    } catch (error) {
      metrics.attempted('', 'denied', seconds());
      throw error;
    }
  }

  async #tried(attempt: Attempt): Promise<{ mode: Mode; acting: Acting }> {
    const { name } = attempt.requestor;
    const last = this.#lastModes.get(name);
    let first: StatusError | undefined;
    for (const mode of last ? [last, ...this.#modes.filter((other) => other !== last)] : this.#modes) {
      try {
        const acting = await mode.acting(attempt);
        if (!acting) continue;
        if (mode !== last) this.#remember(name, mode);
        return { mode, acting };
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        first ??= error;
      }
    }
    throw first ?? internalError('all impersonation modes failed');
  }

  #remember(name: string, mode: Mode): void {
    // Start over rather than grow.
    if (this.#lastModes.size >= maxRemembered) this.#lastModes.clear();
    this.#lastModes.set(name, mode);
  }
}

function wantedUser(headers: HeaderLists): UserInfo | undefined {
  const name = headers['impersonate-user']?.[0] ?? '';
  const groups = headers['impersonate-group'] ?? [];
  const uid = headers['impersonate-uid']?.[0];
  const extra = extrasOf(headers, extraPrefix);
  const wanted = { name, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
  if (name) return wanted;
  if (groups.length || uid || extra) throw badRequest(`requested ${goText(wanted)} without impersonating a user name`);
  return undefined;
}

/** A user as Go writes it with `%#v`. */
function goText({ name, uid = '', groups, extra }: UserInfo): string {
  const list = (values: readonly string[]) => `[]string{${values.map((one) => JSON.stringify(one)).join(', ')}}`;
  const entries = Object.entries(extra ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const members = entries.map(([key, values]) => `${JSON.stringify(key)}:${list(values)}`);
  const shown = [
    `Name:${JSON.stringify(name)}`,
    `UID:${JSON.stringify(uid)}`,
    `Groups:${groups.length > 0 ? list(groups) : '[]string(nil)'}`,
    `Extra:map[string][]string${extra ? `{${members.join(', ')}}` : '(nil)'}`,
  ];
  return `&user.DefaultInfo{${shown.join(', ')}}`;
}
