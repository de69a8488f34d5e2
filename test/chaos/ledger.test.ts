import { describe, expect, it } from 'vitest';
import { Ledger, type Observed } from './ledger.ts';

const seen = (key: string, revision: number, token: string, uid = `uid-${key}`): Observed => ({
  key,
  revision,
  uid,
  token,
});

/** A ledger in which `a` was written at 5 with t1, and `b` was written at 6 and deleted. */
function ledger(): Ledger {
  const made = new Ledger();
  made.begin('a', { write: 't1' });
  made.acknowledge('a', seen('a', 5, 't1'));
  made.begin('b', { write: 't2' });
  made.acknowledge('b', seen('b', 6, 't2'));
  made.begin('b', { delete: true });
  made.acknowledge('b', undefined);
  return made;
}

describe('the ledger of acknowledged writes', () => {
  it('agrees with what was said', () => {
    const made = ledger();
    made.check([seen('a', 5, 't1')], 7);
    expect(made.problems).toEqual([]);
    expect(made.acknowledged).toBe(3);
  });

  it('lets a write without an answer be there or not', () => {
    for (const after of [seen('a', 5, 't1'), seen('a', 9, 't9')]) {
      const made = ledger();
      made.begin('a', { write: 't9' });
      made.check([after], 9);
      expect(made.problems).toEqual([]);
      expect(made.known('a')).toEqual(after);
    }
    const gone = ledger();
    gone.begin('a', { delete: true });
    gone.check([], 9);
    expect(gone.problems).toEqual([]);
  });

  it.each([
    ['a lost object', [], 7, 'a: lost'],
    ['an older version', [seen('a', 4, 't0')], 7, 'a: at 4 (t0), but 5 (t1)'],
    ['another object of the same name', [seen('a', 5, 't1', 'other')], 7, 'a: at 5'],
    ['a deleted object', [seen('a', 5, 't1'), seen('b', 6, 't2')], 7, 'b: there at 6'],
    ['an object of nobody', [seen('a', 5, 't1'), seen('c', 7, 't3')], 7, 'c: nobody wrote it'],
    ['a list from the past', [seen('a', 5, 't1')], 5, 'the list is at 5'],
  ])('finds %s', (_what, list, revision, problem) => {
    const made = ledger();
    made.check(list, revision);
    expect(made.problems[0]).toContain(problem);
  });

  it('finds a refused write', () => {
    const made = ledger();
    made.begin('a', { write: 't3' });
    made.refuse('a', 't3');
    made.check([seen('a', 8, 't3')], 8);
    expect(made.problems).toContain('a: a refused write is there');
  });

  it('finds a revision that was given twice', () => {
    const made = ledger();
    made.see(6, 'c t7');
    expect(made.problems).toEqual(['revision 6 was given twice: for b t2 and for c t7']);
  });

  it('finds a revision that went back', () => {
    const made = ledger();
    made.begin('a', { write: 't4' });
    made.acknowledge('a', seen('a', 4, 't4'));
    expect(made.problems).toEqual(['a: revision 4 was given after 5']);
  });
});
