import { describe, expect, it } from 'vitest';
import { ServerList } from './server-list.ts';

describe('a list of servers', () => {
  it('goes on to the next when one fails, and round again', () => {
    const servers = new ServerList(['a', 'b']);
    expect(servers.failed('a')).toBe(0);
    expect(servers.current).toBe('b');
    expect(servers.failed('b')).toBe(1);
    expect(servers.current).toBe('a');
  });

  it('counts rounds in which none was reached', () => {
    const servers = new ServerList(['a', 'b']);
    for (const url of ['a', 'b', 'a']) servers.failed(url);
    servers.reached();
    expect(servers.failed(servers.current)).toBe(0);
    expect(new ServerList(['only']).failed('only')).toBe(1);
  });

  it('does not leave a server for the failure of another', () => {
    const servers = new ServerList(['a', 'b', 'c']);
    servers.failed('a');
    servers.failed('a');
    expect(servers.current).toBe('b');
  });

  it('stays with its server while that is one of the new ones', () => {
    const servers = new ServerList(['a']);
    servers.use(['b', 'a']);
    expect(servers.current).toBe('a');
    servers.use([]);
    expect(servers.current).toBe('a');
    servers.use(['c', 'd']);
    expect(servers.current).toBe('c');
  });
});
