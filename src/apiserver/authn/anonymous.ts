import { allUnauthenticated, anonymousUser, type UserInfo } from './user-info.ts';

/** Who shows no credential at all. A wrong credential is refused instead (401). */
export const anonymous: UserInfo = { name: anonymousUser, groups: [allUnauthenticated] };
