import type { Clock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { type AccessRule, defaultRule } from './access-rule.ts';
import { ImageAccess } from './image-access.ts';
import { PullRecords } from './pull-records.ts';
import type { RecordFiles } from './record-files.ts';

/** Files in memory. What is in `texts` is what a crash leaves. */
export class FakeRecordFiles implements RecordFiles {
  readonly texts: Map<string, string>;
  /** Every write fails with this. */
  failure: Error | undefined;

  constructor(texts: ReadonlyMap<string, string> = new Map()) {
    this.texts = new Map(texts);
  }

  async read(): Promise<Map<string, string>> {
    return new Map(this.texts);
  }

  async write(name: string, text: string): Promise<void> {
    if (this.failure) throw this.failure;
    this.texts.set(name, text);
  }

  async remove(name: string): Promise<void> {
    this.texts.delete(name);
  }
}

/** The real thing on files in memory. */
export function fakeImageAccess(clock: Clock, rule: AccessRule = defaultRule): ImageAccess {
  const files = { pulling: new FakeRecordFiles(), pulled: new FakeRecordFiles() };
  return new ImageAccess({ records: new PullRecords({ clock, files }), log: silentLog, rule });
}
