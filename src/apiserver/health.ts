/** What `/livez` and `/readyz` report: named checks, each true when all is well. */
export class Health {
  readonly #checks = new Map<string, { ok: () => boolean; readyOnly: boolean }>();

  /** A check that `readyOnly` concerns readiness alone: failing it is no reason to be restarted. */
  add(name: string, ok: () => boolean, options: { readyOnly: boolean } = { readyOnly: false }): void {
    this.#checks.set(name, { ok, ...options });
  }

  check(forReadiness: boolean): { ok: boolean; lines: string[] } {
    let ok = true;
    const lines: string[] = [];
    for (const [name, check] of this.#checks) {
      if (check.readyOnly && !forReadiness) continue;
      const passed = check.ok();
      ok &&= passed;
      lines.push(`[${passed ? '+' : '-'}]${name} ${passed ? 'ok' : 'failed: not yet'}`);
    }
    return { ok, lines };
  }
}
