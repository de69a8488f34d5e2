import { Language, type Program } from '../../cel/environment.ts';
import { CompileError } from '../../cel/errors.ts';
import { dyn } from '../../cel/types.ts';
import { languageDeps } from './language.ts';

const language = new Language(languageDeps);

/** What expressions about a token (`claims`) or about whom it makes (`user`) mean (KEP-3331). Throws an Error that says what is wrong. */
export function compileAuthentication(text: string, variable: 'claims' | 'user'): Program {
  try {
    return language.compile(text, { [variable]: dyn });
  } catch (error) {
    if (error instanceof CompileError) throw new Error(`compilation failed: ${error.message}`, { cause: error });
    throw error;
  }
}
